"""Promises a sceptical reviewer tried to break: every way from one kind of domain to another, and what is written first."""

import pytest

from postwright.dns import writing
from postwright.errors import ProviderError
from postwright.model import Delegated, Domain

SITE = (b'back\\slash "quoted"', b" two strings")
SENDERS = (b"v=spf1 include:_spf.example.net ?all",)


KINDS = ("normal", "included", "led", "parked", "gone")


def fleet_of(world, kind, name):
    """The domain as the inventory has it; ``led`` is delegated, ``gone`` is not there."""
    said = {
        "normal": {"domains": (Domain(name=name, mx="keep"),)},
        "included": {"domains": (Domain(name=name, mx="keep", spf_include=f"_spf.{world.zone}"),)},
        "led": {"domains": (Domain(name=name, mx="keep", delegated=Delegated(to=f"led.{world.zone}")),)},
        "parked": {"domains": (), "parked": (name,)},
        "gone": {"domains": ()},
    }
    return world.fleet().model_copy(update=said[kind])


def keys_of(world, kind, name):
    return [] if kind in ("parked", "gone") else [world.key("pw1", name)]


@pytest.mark.backends("knot")
@pytest.mark.parametrize("first", KINDS)
def test_from_any_kind_of_domain_to_any_other_and_back_foreign_values_stay(world, first):
    """And the plan after each is empty (``World.apply``). A domain each, for some keep what we once wrote, as theirs."""
    for second in (kind for kind in KINDS if kind != first):
        name = f"shop-{second}.{world.zone}"
        sends = "parked" not in (first, second)
        put_foreign(world, name, sends=sends)
        for kind in (first, second, first, "gone"):
            world.apply(fleet_of(world, kind, name), keys_of(world, kind, name))
            assert_foreign_is_there(world, name, sends=sends)
        if sends and "led" not in (first, second):
            assert world.outsider.strings(name) == {SITE, SENDERS}


def put_foreign(world, name, *, sends):
    world.outsider.txt(name, SITE)
    if sends:
        world.outsider.txt(name, SENDERS)
        world.outsider.add(name, "MX", "5 in.example.net.")


def assert_foreign_is_there(world, name, *, sends):
    outsider = world.outsider
    assert SITE in outsider.strings(name)
    assert outsider.ttl(name, "TXT") == 777
    if sends:
        assert outsider.values(name, "MX") == {"5 in.example.net."}
        (text,) = (it for it in outsider.texts(name) if it.startswith("v=spf1"))
        ours = (f"ip4:{world.ip(1)}", f"include:_spf.{world.zone}")
        assert [it for it in text.split() if it not in ours] == ["v=spf1", "include:_spf.example.net", "?all"]


@pytest.mark.backends("knot")
def test_undo_leaves_a_ttl_that_somebody_else_set_since(world):
    """Values are as the plan left them, the TTL is not: that is a change of theirs as well."""
    outsider, zone = world.outsider, world.zone
    outsider.txt(zone, SENDERS)
    applied = world.apply(world.fleet())
    held = outsider.strings(zone)
    outsider.delete(zone, "TXT")
    outsider.txt(zone, *held, ttl=60)
    plan = world.undo(applied)
    if not plan.conflicts:
        world.additive(plan, world.fleet())
    assert outsider.ttl(zone, "TXT") == 60


@pytest.mark.backends("knot")
def test_what_was_there_before_us_is_not_taken_away_with_ours(world):
    """The owner admitted the authority himself, before we came and wanted the same."""
    name, outsider = f"mail1.{world.zone}", world.outsider
    outsider.add(name, "CAA", '0 issue "ca.example"')
    wanting = world.fleet().model_copy(update={"certificate_authorities": ("ca.example",)})
    world.apply(wanting)
    world.apply(world.fleet())
    assert outsider.values(name, "CAA") == {'0 issue "ca.example"'}


@pytest.mark.backends("knot")
def test_an_include_is_never_published_before_what_it_leads_to(world, monkeypatch):
    """Else every mail of the domain, the stranger's too, is a permerror (RFC 7208 §5.2) until somebody mends the other zone."""
    customer = world.backend.zones(next(world.backend.slots))[0]
    world.backend.outsider(customer).txt(customer, SENDERS)
    domain = Domain(name=customer, mx="keep", spf_include=f"_spf.{world.zone}")
    fleet = world.fleet(zones=[customer, world.zone]).model_copy(update={"domains": (domain,)})
    monkeypatch.setattr(writing, "WORKERS", 1)
    plan = world.plan(fleet, [world.key("s1", customer)])
    kind = type(world.opened(fleet))
    works = kind.apply

    def fail(provider, name, changes):
        if name == world.zone:
            raise ProviderError(f"zone {name}: broken")
        works(provider, name, changes)

    monkeypatch.setattr(kind, "apply", fail)
    with pytest.raises(ProviderError):
        world.additive(plan, fleet)
    assert not world.outsider.texts(f"_spf.{world.zone}")
    assert world.backend.outsider(customer).strings(customer) == {SENDERS}


@pytest.mark.backends("knot")
def test_the_record_others_include_is_not_deleted_unasked_while_a_domain_we_left_includes_it(world):
    """A delegated domain keeps its SPF as it is, our include in it: without its target that record is a permerror."""
    name = f"shop.{world.zone}"
    world.outsider.txt(name, SENDERS)
    world.apply(fleet_of(world, "included", name), keys_of(world, "included", name))
    plan = world.plan(fleet_of(world, "led", name), keys_of(world, "led", name))
    assert any(f"_spf.{world.zone}" in it for it in plan.unsafe_reasons())


@pytest.mark.backends("knot")
def test_all_of_ours_beside_a_strangers_value_goes_with_force_only(world):
    """A zone with somebody else's TXT at its apex is a customer's: that one most of all."""
    world.outsider.txt(world.zone, SITE)
    world.apply(world.fleet(numbers=(1,)))
    plan = world.plan(world.fleet(names=[], numbers=()), [])
    assert any("everything of ours" in it for it in plan.unsafe_reasons())


@pytest.mark.backends("knot")
def test_a_first_strict_policy_comes_after_the_hosts(world):
    """No policy at all is the laxest; to go from there to reject is as strict a step as from none to reject."""
    fleet = world.fleet(policy="reject")
    world.additive(world.plan(fleet), fleet)
    assert not world.outsider.texts(f"_dmarc.{world.zone}")
