"""Any zone somebody may have at Cloudflare: publish into it, change, remove; every record of theirs stays as it was.

Compared are octets on the wire, TTL, comment, tags and id, after each step, through the SDK. HYPOTHESIS_PROFILE=nightly makes
it 10,000 zones.
"""

import os
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider.fake_cloudflare.rules import Refusal, quoted, strings_of
from provider.fake_cloudflare.scene import apart

from postwright.dns.providers.cloudflare import budget

pytestmark = pytest.mark.backends("cloudflare")
EXAMPLES = settings.default.max_examples if os.environ.get("HYPOTHESIS_PROFILE") else 15
MEMORY = Path("/dev/shm")  # noqa: S108 - a ledger is fsynced, which is slow ten thousand times on a disk

line = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=40)
attributes = st.fixed_dictionaries(
    {"ttl": st.sampled_from([1, 60, 120, 300, 777, 86400])},
    optional={
        "comment": st.one_of(line, st.sampled_from(["managed by terraform", "postwright"])),
        "tags": st.lists(st.from_regex(r"[a-z]{1,8}:[a-z0-9]{1,8}", fullmatch=True), max_size=2),
    },
)
octets = st.binary(max_size=60).filter(lambda string: not string[:6].lower().startswith(b"v=spf1"))
text = st.one_of(
    st.lists(octets, min_size=1, max_size=3).filter(lambda them: b"".join(them)[:6].lower() != b"v=spf1").map(quoted),
    st.from_regex(r"[a-z0-9=;\\ -]{1,40}", fullmatch=True).filter(lambda bare: not bare.startswith("v=spf1")),
)
term = st.sampled_from(
    [
        "include:_spf.example.net",
        "a",
        "MX",
        "~a:x.example",
        "ip4:192.0.2.0/24",
        "exists:%{i}.x.example",
        "?ptr",
        "a:\xff",
    ]
)
gap = st.sampled_from([" ", "  "])
spf = st.tuples(
    st.lists(st.tuples(gap, term), max_size=4), st.sampled_from(["", " -all", " ?all", " redirect=r.example "])
)


@st.composite
def spf_content(draw):
    """One record, cut anywhere, or bare."""
    terms, end = draw(spf)
    whole = ("v=spf1" + "".join(a + b for a, b in terms) + end).encode("latin-1")
    if draw(st.booleans()) and whole.isascii():
        return whole.decode()
    cut = draw(st.integers(6, len(whole)))
    return quoted([whole[:cut], whole[cut:]] if cut < len(whole) else [whole])


@st.composite
def foreign_records(draw):
    """Records at names we publish at, and at others. ``@`` is the zone."""
    texts = st.tuples(st.sampled_from(["@", "mail1", "mail2", "www", "_dmarc.www"]), text, attributes)
    found = [
        {"name": name, "type": "TXT", "content": it} | more for name, it, more in draw(st.lists(texts, max_size=6))
    ]
    names = draw(st.sets(st.sampled_from(["@", "mail1"])))
    found += [{"name": name, "type": "TXT", "content": draw(spf_content())} | draw(attributes) for name in names]
    if draw(st.booleans()):
        found.append({"name": "@", "type": "MX", "content": "in.example.net", "priority": 5} | draw(attributes))
    if draw(st.booleans()):
        found.append({"name": "@", "type": "CNAME", "content": "site.example.net", "proxied": draw(st.booleans())})
    if draw(st.booleans()):
        found.append({"name": "*", "type": "TXT", "content": draw(text)} | draw(attributes))
    return found


stages = st.lists(
    st.fixed_dictionaries(
        {
            "numbers": st.sampled_from([(1,), (2,), (1, 2), (3, 1)]),
            "ttl": st.sampled_from([60, 300, 3600]),
            "spf_all": st.sampled_from(["~all", "-all"]),
        }
    ),
    min_size=1,
    max_size=2,
)


@contextmanager
def world_in(backend, token, records):
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
        world = apart(backend, Path(directory))
        world.__dict__["provider"] = lambda: backend.provider(world.project, text=token)
        zone = world.outsider.zone
        for record in records:
            with suppress(Refusal):  # a duplicate
                zone.create(record)
        yield world, zone
    del backend.fake.account.zones[zone.id]
    backend.fake.calls.clear()


@pytest.fixture(scope="module")
def token(backend):
    """One for all examples, with a budget whose clock goes on by itself, so that nobody waits."""
    token = backend.fake.account.issue()
    budget._shared[sha256(token.encode()).hexdigest()] = budget.Budget(1000, clock=count().__next__)
    return token


def is_spf(record):
    return record["type"] == "TXT" and b"".join(strings_of(record["content"])).lower().startswith(b"v=spf1")


def shown(record):
    """All that others see of a record, in octets."""
    kept = {key: record[key] for key in ("id", "name", "type", "ttl", "comment", "tags", "proxied", "created_on")}
    return kept | {"wire": strings_of(record["content"]) if record["type"] == "TXT" else record["content"]}


def terms_of(record):
    return b"".join(strings_of(record["content"])).split(b" ")


def assert_kept(before, zone, ours):
    """Nothing but an SPF record was so much as written, and that has its terms in their order and all else as it was."""
    for identity, old in before.items():
        new = zone.records[identity]
        if new != old:
            assert is_spf(old)
            assert shown(new) | {"wire": None} == shown(old) | {"wire": None}
            assert [term for term in terms_of(new) if term not in ours] == terms_of(old)


@settings(max_examples=EXAMPLES, deadline=None)
@given(records=foreign_records(), stages=stages, keep=st.booleans())
def test_every_record_of_others_survives_publish_change_and_removal(backend, token, records, stages, keep):
    mx = "keep" if keep or any(record["type"] == "MX" for record in records) else "hosts"
    with world_in(backend, token, records) as (world, zone):
        before = {identity: dict(record) for identity, record in zone.records.items()}
        ours = {f"ip4:{world.ip(number)}".encode() for number in (1, 2, 3)}
        for stage in stages:
            world.apply(world.fleet(mx=mx, **stage))
            assert_kept(before, zone, ours)
        world.apply(world.fleet(names=[], numbers=()), keys=[])
        assert sorted(zone.records) == sorted(before)
        assert {it["id"]: shown(it) for it in zone.listed()} == {identity: shown(it) for identity, it in before.items()}
