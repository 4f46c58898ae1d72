"""A plan that would make receivers reject a domain's SPF record says so before anything is written."""

from types import SimpleNamespace

from postwright.dns.plan import Change, DnsPlan, ZonePlan
from postwright.dns.spf.review import review

TREE = {f"i{number}.example": ('"v=spf1 a:x.example -all"',) for number in range(1, 7)} | {"x.example": ("192.0.2.9",)}
FOREIGN = '"v=spf1 include:i1.example include:i2.example include:i3.example include:i4.example include:i5.example -all"'


def ask(name, _rdtype):
    return TREE.get(name, ())


def reviewed(old, new, *others):
    change = Change("example.com", "TXT", 300, (old,), 300, (new,))
    zones = (ZonePlan("example.com", (change, *others)), ZonePlan("example.net"))
    return review(SimpleNamespace(), zones, ask=ask)


def test_addresses_of_ours_cost_nothing():
    plans, warnings = reviewed(FOREIGN, FOREIGN.replace("v=spf1", "v=spf1 ip4:192.0.2.1"))
    assert not [reason for plan in plans for reason in plan.dangers]
    assert warnings == []


def test_an_include_too_much_makes_the_plan_unsafe():
    published = Change("i6.example", "TXT", None, (), 300, ('"v=spf1 ip4:192.0.2.1 -all"',))
    plans, _ = reviewed(FOREIGN, FOREIGN.replace("v=spf1", "v=spf1 include:i6.example"), published)
    (reason,) = DnsPlan(tuple(plans)).unsafe_reasons()
    assert reason.startswith("zone example.com: SPF of example.com: would cost receivers 11 DNS lookups")


def test_the_zones_come_back_in_their_order():
    plans, _ = reviewed(FOREIGN, FOREIGN)
    assert [plan.zone for plan in plans] == ["example.com", "example.net"]
