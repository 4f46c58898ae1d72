"""An applied plan taken back: what was there before comes again, and nothing done since is undone with it."""

import pytest

from postwright.dns.plan import Change, DnsPlan, RRset, ZonePlan
from postwright.dns.records import Record
from postwright.dns.undo import inverse

ZONE = "example.com"
SPF = '"v=spf1 include:x.example -all"'
WITH_OURS = '"v=spf1 ip4:192.0.2.1 include:x.example -all"'
SITE = '"google-site-verification=abc"'
OLD, NEW = "192.0.2.1", "192.0.2.2"
ADDED = Change("mx.example.com", "A", None, (), 300, (NEW,))
MERGED = Change(ZONE, "TXT", 777, (SITE, SPF), 777, (SITE, WITH_OURS))
GROWN = Change("mail.example.com", "A", 300, (OLD,), 300, (OLD, NEW))
SHRUNK = Change("mail.example.com", "A", 300, (OLD, NEW), 300, (NEW,))
OURS = Record(ZONE, "TXT", 777, '"v=spf1 ip4:192.0.2.1"', shared=True)
OTHER = Record("other.example.com", "A", 300, NEW)
PLAN = ZonePlan(
    ZONE, (ADDED, MERGED, GROWN), (SHRUNK,), base=(Record("mail.example.com", "A", 300, OLD),), ours=(OURS,)
)


def now(**values):
    """What a server holds after PLAN, with changes."""
    state = {
        ("mx.example.com", "A"): (300, (NEW,)),
        (ZONE, "TXT"): (777, (SITE, WITH_OURS)),
        ("mail.example.com", "A"): (300, (NEW,)),
    } | {(name, rdtype): found for name, (rdtype, found) in values.items()}
    return [RRset(name, rdtype, ttl, found) for (name, rdtype), (ttl, found) in state.items() if found]


def undone(live, signing=()):
    return inverse(PLAN, live, (OURS, OTHER), signing)


def test_everything_is_as_before_and_so_is_the_ledger():
    plan = undone(now())
    assert {(it.name, it.type, it.old_ttl, it.old, it.ttl, it.new) for it in plan.additive} == {
        ("mx.example.com", "A", 300, (NEW,), 300, ()),
        (ZONE, "TXT", 777, (SITE, WITH_OURS), 777, (SITE, SPF)),
        ("mail.example.com", "A", 300, (NEW,), 300, (OLD,)),
    }
    assert plan.base == (OURS, OTHER)
    assert set(plan.ours) == {*PLAN.base, OTHER}


def test_addresses_come_first_and_go_last():
    assert [it.name for it in undone(now()).additive] == ["mail.example.com", ZONE, "mx.example.com"]


def test_what_never_landed_is_left_out():
    live = now(**{ZONE: ("TXT", (777, (SITE, SPF)))})
    assert ZONE not in {it.name for it in undone(live).additive}


def test_a_plan_that_came_half_way_is_taken_back_from_there():
    live = now(**{"mail.example.com": ("A", (300, (NEW, OLD)))})
    (change,) = [it for it in undone(live).additive if it.name == "mail.example.com"]
    assert (set(change.old), change.new) == ({NEW, OLD}, (OLD,))


def test_a_value_that_came_since_is_a_conflict_that_shows_both():
    live = now(**{ZONE: ("TXT", (777, (SITE, WITH_OURS, '"new"')))})
    (conflict,) = undone(live).conflicts
    assert (conflict.name, conflict.live[-1], conflict.desired) == (ZONE, '"new"', (SITE, SPF))
    assert "by hand" in conflict.reason


def test_a_cname_that_came_since_is_in_the_way_only_of_what_would_come_back():
    gone = [rrset for rrset in now() if rrset.name != "mail.example.com"]
    plan = inverse(
        ZonePlan(ZONE, subtractive=(Change("mail.example.com", "A", 300, (OLD,), 300, ()),)),
        [*gone, RRset("mail.example.com", "CNAME", 60, ("x.",))],
        (),
        (),
    )
    assert [it.live for it in plan.conflicts] == [("CNAME x.",)]
    assert not plan.additive


def test_ids_are_those_of_now():
    live = [RRset(ZONE, "TXT", 777, (WITH_OURS, SITE), ids=("w", "s"))]
    plan = inverse(ZonePlan(ZONE, (MERGED,)), live, (), ())
    assert plan.additive[0].id_of == {SITE: "s", WITH_OURS: "w"}


@pytest.mark.parametrize(("signing", "unsafe"), [({"s1._domainkey.example.com"}, True), (set(), False)])
def test_the_key_that_hosts_sign_with_is_not_taken_away_unasked(signing, unsafe):
    name, value = "s1._domainkey.example.com", '"v=DKIM1; p=k"'
    applied = ZonePlan(ZONE, (Change(name, "TXT", None, (), 300, (value,)), ADDED))
    known = tuple(Record(f"n{number}.example.com", "A", 300, NEW) for number in range(9))
    live = [RRset(name, "TXT", 300, (value,)), RRset("mx.example.com", "A", 300, (NEW,))]
    reasons = DnsPlan((inverse(applied, live, known, signing),)).unsafe_reasons()
    assert [("mail is signed with the key" in reason) for reason in reasons] == ([True] if unsafe else [])


def test_a_cname_that_the_plan_itself_put_there_gives_way_first():
    name = "_dmarc.example.com"
    swap = (
        Change(name, "TXT", 300, ('"v=DMARC1; p=none"',), 300, ()),
        Change(name, "CNAME", None, (), 300, ("_dmarc.hold.example.",)),
    )
    live = [RRset(name, "CNAME", 300, ("_dmarc.hold.example.",))]
    plan = inverse(ZonePlan(ZONE, swap), live, (), ())
    assert not plan.conflicts
    assert [(it.type, it.new) for it in plan.additive] == [("CNAME", ()), ("TXT", ('"v=DMARC1; p=none"',))]


def test_a_key_that_was_revoked_is_not_made_good_again_unasked():
    """Whoever stole it could sign with it again."""
    name, key, revoked = "s1._domainkey.example.com", '"v=DKIM1; p=k"', '"v=DKIM1; p="'
    applied = ZonePlan(ZONE, subtractive=(Change(name, "TXT", 300, (key,), 300, (revoked,)),))
    known = tuple(Record(f"n{number}.example.com", "A", 300, NEW) for number in range(9))
    (reason,) = DnsPlan((inverse(applied, [RRset(name, "TXT", 300, (revoked,))], known, ()),)).unsafe_reasons()
    assert "was revoked, and this would make it good again" in reason
