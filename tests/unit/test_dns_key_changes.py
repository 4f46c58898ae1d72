"""A plan knows which of its changes publish a DKIM key, lose one, or end the way of one that was revoked."""

import pytest

from postwright.dns.diff import Three, diff
from postwright.dns.plan import MANY_DELETES, Change, DnsPlan, RRset, ZonePlan
from postwright.dns.records import Record

ZONE = "example.com"
KEY, OTHER, REVOKED = (f'"v=DKIM1; k=rsa; p={p}"' for p in ("AAAA", "BBBB", ""))


def change(old, new, name="s1._domainkey.example.com", rdtype="TXT"):
    return Change(name, rdtype, 300 if old else None, old, 300, new)


@pytest.mark.parametrize(
    ("old", "new", "adds", "lost", "ends"),
    [
        ((), (KEY,), True, set(), False),
        ((REVOKED,), (KEY,), True, set(), False),
        ((KEY,), (OTHER,), False, {b"AAAA"}, False),
        ((KEY,), (REVOKED,), False, {b"AAAA"}, False),
        ((KEY,), (), False, {b"AAAA"}, False),
        ((REVOKED,), (), True, set(), True),
        ((KEY,), ('"p=AA" "AA"',), False, set(), False),
        ((KEY, OTHER), (OTHER,), False, {b"AAAA"}, False),
    ],
)
def test_what_a_change_does_to_keys(old, new, adds, lost, ends):
    found = change(old, new)
    assert found.lost_keys == lost
    assert found.ends_revoked_key == ends
    assert not new or found.adds_key == adds


@pytest.mark.parametrize("where", [{"name": "example.com"}, {"rdtype": "CNAME"}])
def test_what_is_no_key_record_does_nothing_to_keys(where):
    for old, new in (((), (KEY,)), ((KEY,), ()), ((REVOKED,), ())):
        found = change(old, new, **where)
        assert (found.adds_key, found.lost_keys, found.ends_revoked_key) == (False, frozenset(), False)


@pytest.mark.parametrize(
    ("live", "desired", "step"),
    [
        ((), (KEY,), "before hosts"),
        ((REVOKED,), (KEY,), "before hosts"),
        ((KEY,), (REVOKED,), "after hosts"),
        ((KEY,), (), "after hosts"),
        ((REVOKED,), (), "after hosts"),
    ],
)
def test_a_key_comes_before_hosts_sign_with_it_and_goes_after_none_does_any_more(live, desired, step):
    name = "s1._domainkey.example.com"
    base, wanted = (tuple(Record(name, "TXT", 300, value) for value in side) for side in (live, desired))
    rrsets = (RRset(name, "TXT", 300, live),) if live else ()
    plan = diff(ZONE, Three(base, rrsets, wanted))
    assert plan.steps == (change(live, desired, name),)
    assert bool(plan.additive) == (step == "before hosts")


def many(old, new):
    """A plan that does this to a hundred keys, which are all we have in the zone."""
    names = [f"s{number}._domainkey.example.com" for number in range(100)]
    base, ours = (tuple(Record(name, "TXT", 300, value) for name in names for value in side) for side in (old, new))
    assert len(names) > MANY_DELETES
    changes = tuple(change(old, new, name) for name in names)
    return DnsPlan((ZonePlan(ZONE, subtractive=changes, base=base, ours=ours),))


def test_to_delete_the_records_of_many_revoked_keys_is_safe():
    assert many((REVOKED,), ()).unsafe_reasons() == ()


def test_to_revoke_many_keys_is_no_deletion():
    assert many((KEY,), (REVOKED,)).unsafe_reasons() == ()


def test_to_delete_many_keys_that_were_not_revoked_needs_force():
    assert many((KEY,), ()).unsafe_reasons() == ("zone example.com: everything of ours would be deleted (100 RRsets)",)
