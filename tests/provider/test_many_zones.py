"""Contract, part 7: many zones at once. The first failure stops what has not begun; the next run goes on from there."""

import threading

import pytest

from postwright.dns import ledger, writing
from postwright.dns.providers import ZoneMoved
from postwright.errors import ProviderError


@pytest.fixture
def zones(world):
    """Four zones, in the order of the inventory."""
    return [world.zone, *(world.backend.zones(next(world.backend.slots))[0] for _ in range(3))]


@pytest.fixture
def fleet(world, zones):
    return world.fleet(names=zones, zones=zones, mx="null")


def keys(world, zones):
    return [world.key(domain=zone) for zone in zones]


def published(world, zones):
    return [zone for zone in zones if world.backend.outsider(zone).texts(f"_dmarc.{zone}")]


def break_writes(monkeypatch, world, zone):
    """The provider fails in one zone, before anything is written there."""
    kind = type(world.opened())
    works = kind.apply

    def fail(provider, name, changes):
        if name == zone:
            raise ProviderError(f"zone {zone}: broken")
        works(provider, name, changes)

    monkeypatch.setattr(kind, "apply", fail)


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "octodns")
def test_the_first_failure_stops_and_tells_what_landed(world, zones, fleet, monkeypatch):
    """One after the other, so that the order is known."""
    monkeypatch.setattr(writing, "WORKERS", 1)
    plan = world.plan(fleet, keys(world, zones))
    with monkeypatch.context() as patch:
        break_writes(patch, world, zones[1])
        with pytest.raises(ProviderError) as caught:
            world.additive(plan, fleet)
    text = str(caught.value)
    assert f"zone {zones[1]}: broken" in text
    assert f"written before it: {zones[0]}\n" in text
    assert f"not written: {', '.join(zones[1:])}" in text
    assert published(world, zones) == zones[:1]
    assert ledger.read(world.ledger, zones[1]) == ()


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "octodns")
def test_the_next_run_goes_on_with_what_is_missing(world, zones, fleet, monkeypatch):
    plan = world.plan(fleet, keys(world, zones))
    with monkeypatch.context() as patch:
        break_writes(patch, world, zones[2])
        with pytest.raises(ProviderError):
            world.additive(plan, fleet)
    done = published(world, zones)
    again = world.apply(fleet, keys(world, zones))
    assert {zone.zone for zone in again.zones if zone.additive} == set(zones) - set(done)
    assert published(world, zones) == zones


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "octodns")
def test_zones_are_written_side_by_side(world, zones, fleet, monkeypatch):
    """All four are in the middle of their write at once, or this waits in vain and fails."""
    kind = type(world.opened())
    works, all_there = kind.apply, threading.Barrier(len(zones), timeout=30)

    def meet(provider, name, changes):
        all_there.wait()
        works(provider, name, changes)

    plan = world.plan(fleet, keys(world, zones))
    with monkeypatch.context() as patch:
        patch.setattr(kind, "apply", meet)
        world.additive(plan, fleet)
    assert published(world, zones) == zones


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "octodns")
def test_a_zone_that_moved_stops_nobody_who_has_begun(world, zones, fleet):
    plan = world.plan(fleet, keys(world, zones))
    world.backend.outsider(zones[3]).txt(zones[3], (b"just arrived",))
    with pytest.raises(ZoneMoved, match=f"zone {zones[3]}: changed since the plan"):
        world.additive(plan, fleet)
    world.apply(fleet, keys(world, zones))
    assert published(world, zones) == zones
    assert "just arrived" in world.backend.outsider(zones[3]).texts(zones[3])


@pytest.mark.backends("knot")
def test_a_ledger_that_changed_since_the_plan_is_refused(world):
    """Two operators with one ledger in Git: the plan was made from another past."""
    plan = world.plan(world.fleet())
    world.apply(world.fleet(numbers=(1, 2)))
    with pytest.raises(ZoneMoved, match=rf"{world.zone}\.json changed since the plan"):
        world.additive(plan, world.fleet())
