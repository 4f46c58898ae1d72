"""A plan knows whether it is safe, and says what it would do."""

import json

import pytest

from postwright.dns.plan import Change, Conflict, DnsPlan, RRset, ZonePlan
from postwright.dns.records import Record
from postwright.dns.seen import holds
from postwright.dns.show import lines
from postwright.errors import UnsafePlan

ZONE = "example.com"


def change(name, old, new, rdtype="TXT", ttl=300):
    return Change(name, rdtype, ttl if old else None, old, ttl, new)


def key(value):
    return f'"v=DKIM1; p={value}"'


def ours(count):
    return tuple(Record(f"n{number}.example.com", "A", 300, "192.0.2.1") for number in range(count))


@pytest.mark.parametrize("rdtype", ["NS", "SOA", "DS"])
def test_what_holds_a_zone_together_is_never_changed(rdtype):
    with pytest.raises(UnsafePlan, match="never changed"):
        change(ZONE, (), ("x",), rdtype)


@pytest.mark.parametrize(
    ("deletes", "known", "reason"),
    [
        (1, 3, None),
        (3, 3, "everything of ours would be deleted (3 RRsets)"),
        (10, 12, None),
        (11, 12, "11 of our 12 RRsets would be deleted, more than 30%"),
        (11, 100, None),
    ],
)
def test_too_many_deletions_need_force(deletes, known, reason):
    gone = tuple(change(f"n{number}.example.com", ("192.0.2.1",), (), "A") for number in range(deletes))
    plan = DnsPlan((ZonePlan(ZONE, subtractive=gone, base=ours(known)),))
    assert plan.unsafe_reasons() == ((f"zone example.com: {reason}",) if reason else ())


def test_key_replaced_in_place_needs_force():
    swap = change("s1._domainkey.example.com", (key("old"),), (key("new"),))
    assert "rotate to a new selector" in DnsPlan((ZonePlan(ZONE, (swap,)),)).unsafe_reasons()[0]
    same = change("s1._domainkey.example.com", (key("k"),), ('"v=DKIM1; k=rsa; p=k"',))
    assert DnsPlan((ZonePlan(ZONE, (same,)),)).unsafe_reasons() == ()


@pytest.fixture
def plan():
    """A token swapped in two steps, a TTL, a removal and a conflict."""
    spf = (
        ('"v=spf1 ip4:192.0.2.1 ~all"',),
        ('"v=spf1 ip4:192.0.2.2 ip4:192.0.2.1 ~all"',),
        ('"v=spf1 ip4:192.0.2.2 ~all"',),
    )
    foreign = ('"foreign"',)
    return DnsPlan(
        (
            ZonePlan(
                ZONE,
                additive=(
                    change(ZONE, foreign + spf[0], foreign + spf[1]),
                    Change("mail.example.com", "A", 60, ("192.0.2.2",), 300, ("192.0.2.2",)),
                ),
                subtractive=(
                    change(ZONE, foreign + spf[1], foreign + spf[2]),
                    change("s1._domainkey.example.com", ("k",), ()),
                ),
                conflicts=(Conflict("_dmarc.example.com", "TXT", ("theirs",), (), ("ours",), "decide"),),
                desired=(Record(ZONE, "TXT", 300, spf[2][0], shared=True),),
            ),
            ZonePlan("example.net"),
        )
    )


def test_diff_shows_what_will_be_in_the_end(plan):
    assert lines(plan) == (
        "  zone example.com",
        '- example.com. 300 TXT "v=spf1 ip4:192.0.2.1 ~all"  ; after the hosts are proven',
        '  example.com. 300 TXT "foreign"',
        '+ example.com. 300 TXT "v=spf1 ip4:192.0.2.2 ~all"',
        "- s1._domainkey.example.com. 300 TXT k  ; after the hosts are proven",
        "- mail.example.com. 60 A 192.0.2.2",
        "+ mail.example.com. 300 A 192.0.2.2",
        "  conflict at _dmarc.example.com TXT: decide",
        "    there: theirs",
        "    we want: ours",
    )


def test_json_holds_old_and_new_and_only_zones_with_something_to_say(plan):
    data = json.loads(json.dumps(plan.to_json()))
    assert [zone["zone"] for zone in data["zones"]] == [ZONE]
    assert data["zones"][0]["subtractive"][1]["old"] == ["k"]
    assert not data["empty"]


def test_tokens_added_early_are_due_before_the_hosts(plan):
    assert plan.due_before_hosts == plan.zones[0].desired


SPF = Record(ZONE, "TXT", 300, '"v=spf1 ip4:192.0.2.1 -all"', shared=True)
KEY = Record("s1._domainkey.example.com", "TXT", 300, '"k"')
MX = Record(ZONE, "MX", 300, "10 mail.example.com.", shared=True)


@pytest.mark.parametrize(
    ("record", "values", "expected"),
    [
        (SPF, ['"v=spf1 +ip4:192.0.2.1/32 a ~all"', '"other"'], True),
        (SPF, ['"v=spf1 a ~all"'], False),
        (SPF, ['"v=spf1 ip4:192.0.2.1 ~all"', '"v=spf1 a"'], False),
        (KEY, ['"k"'], True),
        (KEY, ['"k"', '"another"'], False),
        (MX, ["20 backup.example.net.", "10 MAIL.example.com."], True),
        (MX, [], False),
    ],
)
def test_what_an_answer_must_show(record, values, expected):
    assert holds(values, record) is expected


# --- What the operator agreed to ---------------------------------------------------------------------------------------

SITE, OLD_SPF, MIDDLE, NEW_SPF = (
    '"site=1"',
    '"v=spf1 a -all"',
    '"v=spf1 ip4:192.0.2.1 a -all"',
    '"v=spf1 ip4:192.0.2.2 a -all"',
)
AGREED = ZonePlan(
    ZONE, (change(ZONE, (OLD_SPF, SITE), (MIDDLE, SITE)),), (change(ZONE, (MIDDLE, SITE), (NEW_SPF, SITE)),)
)


@pytest.mark.parametrize(
    ("fresh", "more"),
    [
        (AGREED, False),
        (ZonePlan(ZONE), False),
        (ZonePlan(ZONE, subtractive=(change(ZONE, (MIDDLE, SITE), (NEW_SPF, SITE)),)), False),
        (ZonePlan(ZONE, (change(ZONE, (OLD_SPF, SITE, '"newcomer"'), (MIDDLE, SITE, '"newcomer"')),)), False),
        (ZonePlan(ZONE, (change(ZONE, ('"v=spf1 mx -all"',), (MIDDLE,)),)), True),
        (ZonePlan(ZONE, (change(ZONE, (OLD_SPF,), ('"v=spf1 ip4:192.0.2.9 a -all"',)),)), True),
        (ZonePlan(ZONE, (change(ZONE, (OLD_SPF, SITE), (MIDDLE,)),)), True),
        (ZonePlan(ZONE, (Change(ZONE, "TXT", 60, (OLD_SPF,), 900, (MIDDLE,)),)), True),
        (ZonePlan("other.example", (change("other.example", (), ("x",)),)), True),
    ],
    ids=["same", "all landed", "half landed", "newcomer beside", "other old", "other new", "takes more", "ttl", "other zone"],
)  # fmt: skip
def test_a_later_plan_may_do_less_than_agreed_but_nothing_else(fresh, more):
    assert bool(DnsPlan((fresh,)).beyond(DnsPlan((AGREED,)), new_keys=False)) is more


@pytest.mark.parametrize("new_keys", [True, False])
def test_a_key_made_since_the_plan_was_agreed_to_may_be_published(new_keys):
    publish = ZonePlan(ZONE, (change("pw1._domainkey.example.com", (), (key("k"),)),))
    assert bool(DnsPlan((publish,)).beyond(DnsPlan(()), new_keys=new_keys)) is not new_keys


def test_a_key_that_replaces_another_was_never_agreed_to():
    swap = ZonePlan(ZONE, (change("pw1._domainkey.example.com", (key("old"),), (key("k"),)),))
    assert DnsPlan((swap,)).beyond(DnsPlan(()), new_keys=True) == ("zone example.com: pw1._domainkey.example.com TXT",)


def test_ids_follow_values_whatever_their_order_and_spelling():
    live = RRset(ZONE, "TXT", 300, ('"b" "c"', '"a"'), ids=("id-bc", "id-a"))
    assert change(ZONE, ('"a"', '"bc"'), ()).identified(live).ids == ("id-a", "id-bc")
    assert change(ZONE, ('"a"',), ()).identified(None).ids == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (('"v=DMARC1; p=reject"',), ('"v=DMARC1; p=none"',), "p from reject to none"),
        (('"v=DMARC1; p=reject"',), (), "p from reject to none"),
        (('"v=DMARC1; p=none"',), ('"v=DMARC1; p=reject"',), ""),
        ((), ('"v=DMARC1; p=none"',), ""),
    ],
)
def test_a_policy_is_never_lowered_unasked(old, new, said):
    lower = change("_dmarc.example.com", old, new)
    keep = change("mail.example.com", ("192.0.2.1",), ("192.0.2.2",), "A")
    reasons = DnsPlan((ZonePlan(ZONE, (keep,), (lower,), base=ours(3)),)).unsafe_reasons()
    assert [said in reason for reason in reasons] == ([True] if said else [])


def test_two_spellings_of_one_value_keep_their_own_ids():
    live = RRset(ZONE, "TXT", 300, ('"a" "b"', '"ab"'), ids=("cut", "whole"))
    assert change(ZONE, ('"ab"', '"a" "b"'), ()).identified(live).ids == ("whole", "cut")
    assert change(ZONE, ('"v=spf1 -all"',), ()).identified(
        RRset(ZONE, "TXT", 300, ('"v=spf1" " -all"',), ids=("x",))
    ).ids == ("x",)


@pytest.mark.parametrize(
    ("there", "seen"),
    [('"v=spf1 -all"', True), ('"v=spf1  -ALL"', True), ('"v=spf1 a -all"', False), ('"v=spf1 ~all"', False)],
)
def test_nobody_sends_is_seen_only_where_nothing_else_is_said(there, seen):
    assert holds((there,), Record(ZONE, "TXT", 300, '"v=spf1 -all"', shared=True)) is seen


def test_a_key_under_a_selector_whose_key_was_revoked_is_safe():
    """Owners lead a few selectors to us, and in an emergency a revoked one must do; no mail under way needs it."""
    name, revoked, key = "s1._domainkey.example.com", '"v=DKIM1; k=rsa; p="', '"v=DKIM1; k=rsa; p=AAAA"'
    change = Change(name, "TXT", 300, (revoked,), 300, (key,))
    assert not list(ZonePlan("example.com", additive=(change,)).unsafe_reasons())
