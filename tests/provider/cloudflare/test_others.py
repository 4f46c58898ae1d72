"""Cloudflare, while others write: what is noticed, and the one window that is left."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from provider.fake_cloudflare.scene import RECORDS, fleet_with, opened, published

from postwright.dns.plan import Change
from postwright.dns.providers import ZoneMoved, provider_of
from postwright.errors import ProviderError
from postwright.model import Zone

pytestmark = pytest.mark.backends("cloudflare")


def test_a_record_deleted_meanwhile_stops_the_batch(world, zone, meanwhile):
    (record,) = (zone.create({"type": "TXT", "name": world.zone, "content": '"v=spf1 mx -all"'}),)
    plan = world.plan(world.fleet())
    meanwhile(lambda: zone.delete(record["id"]))
    with pytest.raises(ZoneMoved, match="81044"):
        world.additive(plan, world.fleet())
    assert not world.outsider.values(world.zone, "MX")
    world.apply(world.fleet())


def test_a_record_like_ours_made_meanwhile_stops_the_batch(world, meanwhile):
    plan = world.plan(world.fleet())
    meanwhile(lambda: world.outsider.add(world.zone, "MX", f"10 mail1.{world.zone}."))
    with pytest.raises(ZoneMoved, match="81058"):
        world.additive(plan, world.fleet())
    assert not world.outsider.texts(world.zone)
    world.apply(world.fleet())


def test_a_value_added_beside_ours_meanwhile_is_kept_and_noticed(world, meanwhile):
    plan = world.plan(world.fleet())
    meanwhile(lambda: world.outsider.txt(world.zone, (b"just arrived",)))
    with pytest.raises(ProviderError, match="answers otherwise than was written"):
        world.additive(plan, world.fleet())
    assert "just arrived" in world.outsider.texts(world.zone)
    world.apply(world.fleet())
    assert "just arrived" in world.outsider.texts(world.zone)


def test_an_edit_of_the_very_value_meanwhile_is_put_back_by_its_next_plan(world, zone, meanwhile):
    """The one window that is left, for the API has no compare-and-set: seen here, so that nobody thinks it closed.

    It is as long as a batch takes to arrive. What the other deployment wrote is lost, its ledger knows it, and its wait for
    the authoritative servers or its next plan finds out.
    """
    zone.create({"type": "TXT", "name": world.zone, "content": '"v=spf1 include:_spf.example.net -all"'})
    other = world.elsewhere("other")
    theirs, ours = other.fleet(numbers=(2,), mx="keep"), world.fleet(mx="keep")
    (identity,) = (it["id"] for it in zone.listed() if it["name"] == world.zone)
    other.apply(theirs, [world.key("s2")])
    with_theirs = zone.records[identity]["content"]
    zone.change(identity, {"content": '"v=spf1 include:_spf.example.net -all"'}, overwrite=False)
    plan = world.plan(ours)
    meanwhile(lambda: zone.change(identity, {"content": with_theirs}, overwrite=False))
    world.additive(plan, ours)
    assert world.outsider.texts(world.zone) == {f"v=spf1 ip4:{world.ip(1)} include:_spf.example.net -all"}
    other.apply(theirs, [world.key("s2")])
    assert world.outsider.texts(world.zone) == {
        f"v=spf1 ip4:{world.ip(2)} ip4:{world.ip(1)} include:_spf.example.net -all"
    }


def test_of_two_writers_in_one_process_the_later_one_looks_again(world):
    """Both have read, and each would write its own version of one record."""
    world.outsider.txt(world.zone, (b"v=spf1 -all",))
    first, second = opened(world, world.zone), opened(world, world.zone)
    for provider in (first, second):
        provider.read(world.zone, [(world.zone, "TXT")])
    old = ('"v=spf1 -all"',)
    first.apply(world.zone, [Change(world.zone, "TXT", 777, old, 777, ('"v=spf1 ip4:192.0.2.1 -all"',))])
    with pytest.raises(ZoneMoved, match="not what the plan was made from"):
        second.apply(world.zone, [Change(world.zone, "TXT", 777, old, 777, ('"v=spf1 ip4:192.0.2.2 -all"',))])
    assert world.outsider.texts(world.zone) == {"v=spf1 ip4:192.0.2.1 -all"}


def test_a_look_taken_while_another_writes_is_not_relied_on(world, meanwhile):
    """It began after the other's write had, and still saw what was before."""
    world.outsider.txt(world.zone, (b"v=spf1 -all",))
    first, second = opened(world, world.zone), opened(world, world.zone)
    meanwhile(lambda: second.read(world.zone, [(world.zone, "TXT")]))
    old = ('"v=spf1 -all"',)
    first.apply(world.zone, [Change(world.zone, "TXT", 777, old, 777, ('"v=spf1 ip4:192.0.2.1 -all"',))])
    with pytest.raises(ZoneMoved, match="not what the plan was made from"):
        second.apply(world.zone, [Change(world.zone, "TXT", 777, old, 777, ('"v=spf1 ip4:192.0.2.2 -all"',))])


def test_a_look_serves_for_one_write(world, zone):
    """What was read before the last write says nothing of now."""
    provider = opened(world, world.zone)
    provider.read(world.zone, [(world.zone, "TXT")])
    provider.apply(world.zone, published(world.zone))
    (record,) = (it for it in zone.listed() if it["name"] == world.zone)
    zone.delete(record["id"])
    with pytest.raises(ZoneMoved):
        provider.apply(world.zone, [Change(world.zone, "TXT", 300, ('"x"',), 300, ())])


def test_one_provider_serves_many_threads(world, fake):
    names = [f"thread{number}.example" for number in range(16)]
    for name in names:
        fake.account.add(name).fill(20)
    fleet = fleet_with(world, [Zone(name=name, provider="ns") for name in names])
    provider = provider_of(fleet, fleet.zones[0], world.project)

    def work(name):
        for number in range(5):
            change = published(f"x{number}.{name}")
            provider.read(name, [(change[0].name, "TXT")])
            provider.apply(name, change)
        return len(provider.read(name, [(f"x{number}.{name}", "TXT") for number in range(5)]))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, names)) == [5] * 16
    assert len(fake.asked("GET", RECORDS)) == 16 * 6
