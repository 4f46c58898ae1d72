"""Whatever stands in an inventory, the answer is a valid fleet or a list of problems, never another exception."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import host_data, mail_fleet, mail_host, write_files

from postwright.errors import InventoryError
from postwright.inventory import Project, project_of
from postwright.model import Fleet
from postwright.wire import HostData

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
GARBAGE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
# Near misses find more than noise does.
LIKELY = st.sampled_from(
    ["~nobody-here/x", "\0", "\ud800", "", "-", "@", "a@", "@a.b", ".", "..", "a..b", "0", "::1%eth0", "1.2.3.4/33", "::/0", "$6$x",
     "xn--", "\u00fc.example", "\u00fc" * 70 + ".example", "example.com", "mx1", "a" * 300, 10**5000, -1, 2**70, [], {}, [[]], {"file": 5}]
)  # fmt: skip

WARMUP = {"plan": "slow", "start": "2026-11-22"}
FULL_HOST = mail_host(
    roles=["submission", "mx"],
    trusted_networks=["10.0.0.0/8"],
    addresses=[{"ip": "192.0.2.10", "helo": "mx1.example.com", "warmup": WARMUP}],
)
PACING = {
    "plans": {"slow": {"unit": "day", "stages": [50, 100], "overrides": {"google": 0.5, "yahoo": [10, 20]}}},
    "providers": {"google": {"connections": 2}, "mine": {"suffixes": ["mail.example.org"], "per_minute": 5}},
    "streams": {"receipts": {"senders": ["@example.com"], "users": ["app"], "when_full": "overflow", "after": "1h"}},
    "relay": {"server": "smtp.example.org", "port": 465, "login": "x", "password": {"env": "P"}},
    "failure": "pass",
    "outstanding": 100,
    "thresholds": {"bounced": 0.01, "sample": 10},
    "metrics": {"address": "::1", "port": 9000},
}
FULL_FLEET = mail_fleet(
    domains=[
        {
            "name": "example.com",
            "hosts": ["mx1"],
            "mx": "hosts",
            "aliases": {"a": "a@example.net"},
            "dmarc": {"policy": "none"},
            "warmup": {**WARMUP, "providers": ["google", "mine"]},
        }
    ],
    logins=[{"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}],
    resolver={"forward_to": ["192.0.2.53"], "trust_anchors": []},
    firewall={"ssh_ports": [22], "ssh_from": ["192.0.2.0/24"], "extra_tcp": []},
    policies={"message_size": 100_000, "queue_lifetime": "5d"},
    probe={"login": "app", "password": {"env": "P"}, "sender": "a@example.com", "recipient": "b@example.net"},
    ledger="ledger",
    tls_authorities=None,
    pacing=PACING,
)
PYINFRA_KEYS = ("ssh_hostname", "ssh_user", "ssh_port", "ssh_key", "ssh_known_hosts_file", "ssh_config_file", "_sudo")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inventory")
    write_files(folder)
    return folder


def told(error, path):
    """An error as the operator reads it: the file, a count, a line for each problem."""
    heading, *lines = str(error).splitlines()
    assert heading.startswith(f"{path}: {len(error.problems)} problem")
    assert len(lines) == len(error.problems) > 0
    return error


def judged(base, *hosts):
    """The project or the error; a test fails by any other exception."""
    try:
        project = project_of(hosts, base / "inventory.py")
    except InventoryError as error:
        return told(error, base / "inventory.py")
    # What is called valid is so by the whole model, not only part by part.
    assert Fleet.model_validate(project.fleet.model_dump()) == project.fleet
    return project


def places(value, path=()):
    """The path of every part of nested data."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*path, step))


def replaced(value, path, new):
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


def test_the_data_the_mutations_start_from_is_sound(base):
    assert isinstance(judged(base, host_data(host=FULL_HOST, fleet=FULL_FLEET)), Project)


@given(GARBAGE, GARBAGE)
def test_garbage_instead_of_our_data(base, host, fleet):
    judged(base, HostData("mx1", {"mail_host": host, "mail_fleet": fleet}))


@settings(max_examples=400)
@given(st.sampled_from(list(places(FULL_FLEET))), GARBAGE | LIKELY)
def test_garbage_at_any_place_of_the_fleet(base, path, garbage):
    judged(base, host_data(host=FULL_HOST, fleet=replaced(FULL_FLEET, path, garbage)))


@given(st.sampled_from(list(places(FULL_HOST))), GARBAGE | LIKELY)
def test_garbage_at_any_place_of_a_host(base, path, garbage):
    judged(base, host_data(host=replaced(FULL_HOST, path, garbage), fleet=FULL_FLEET))


@given(st.dictionaries(st.sampled_from(PYINFRA_KEYS), GARBAGE | LIKELY, max_size=3))
def test_garbage_in_pyinfras_own_data(base, data):
    ours = {"mail_host": FULL_HOST, "mail_fleet": FULL_FLEET}
    judged(base, HostData("mx1", {**data, **ours}))


@given(st.dictionaries(GARBAGE.filter(lambda it: not isinstance(it, list | dict)), GARBAGE, max_size=4))
def test_keys_that_are_no_text(base, data):
    judged(base, HostData("mx1", {"mail_host": {**FULL_HOST, **data}, "mail_fleet": {**FULL_FLEET, **data}}))
