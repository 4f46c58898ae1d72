"""Contract, part 6: what a plan did is taken back, through the same checks as any plan."""

import pytest

from postwright.dns import ledger, publish
from postwright.errors import UnsafePlan, UsageError

SPF = (b"v=spf1 include:_spf.example.net -all",)
SITE = (b'back\\slash "quoted"',)


def take_back(world, applied, **options):
    plan = world.undo(applied, **options)
    world.additive(plan, world.fleet())
    return plan


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "zonefile")  # octoDNS locks such values
def test_undo_of_the_first_plan_leaves_the_zone_as_it_was(world):
    """Every octet and every TTL, and a ledger that claims nothing."""
    outsider, zone = world.outsider, world.zone
    outsider.txt(zone, SPF, SITE)
    applied = world.apply(world.fleet())
    take_back(world, applied)
    assert outsider.strings(zone) == {SPF, SITE}
    assert outsider.ttl(zone, "TXT") == 777
    for name, rdtype in ((zone, "MX"), (f"mail1.{zone}", "A"), (f"_dmarc.{zone}", "TXT")):
        assert not outsider.values(name, rdtype)
    assert ledger.read(world.ledger, zone) == ()


def test_undo_of_a_change_brings_back_the_state_before_it_alone(world):
    """And doing it again does it again."""
    outsider, zone = world.outsider, world.zone
    world.apply(world.fleet())
    applied = world.apply(world.fleet(numbers=(2,)))
    take_back(world, applied)
    assert outsider.values(zone, "MX") == {f"10 mail1.{zone}."}
    assert outsider.values(f"mail1.{zone}", "A") == {world.ip(1)}
    assert not outsider.values(f"mail2.{zone}", "A")
    assert world.plan(world.fleet()).is_empty
    world.apply(world.fleet(numbers=(2,)))
    assert outsider.values(zone, "MX") == {f"10 mail2.{zone}."}


def test_undo_twice_is_nothing_to_do(world):
    applied = world.apply(world.fleet())
    take_back(world, applied)
    assert take_back(world, applied).is_empty


def test_what_somebody_changed_since_stops_the_undo(world):
    """Theirs is newer than what would come back; and nothing else is taken back either."""
    outsider, zone = world.outsider, world.zone
    applied = world.apply(world.fleet())
    outsider.add(zone, "MX", "20 backup.example.net.")
    plan = publish.plan_undo(applied, world.fleet(), world.project, world.ledger)
    assert [(it.name, it.type) for it in plan.conflicts] == [(zone, "MX")]
    with pytest.raises(UnsafePlan, match="nothing was written"):
        world.additive(plan, world.fleet())
    assert outsider.values(f"mail1.{zone}", "A") == {world.ip(1)}


def test_undo_in_a_zone_that_left_the_inventory_is_refused(world):
    applied = world.apply(world.fleet())
    elsewhere = world.fleet(numbers=(), names=(), zones=[world.reverse])
    with pytest.raises(UsageError, match=f"no longer has {world.zone}"):
        publish.plan_undo(applied, elsewhere, world.project, world.ledger)
