"""Contract, part 4: others write at the same time, and machines stop. Nothing is lost, and the next run heals."""

import threading
from dataclasses import replace

import pytest

from postwright.dns import ledger
from postwright.dns.providers import ZoneMoved
from postwright.dns.records import Record
from postwright.errors import ProviderError


def test_a_zone_that_moved_since_the_plan_is_refused(world):
    """The operator said yes to a plan for another zone than this. octodns-bind deleted the newcomer."""
    world.apply(world.fleet())
    plan = world.plan(world.fleet(numbers=(1, 2)))
    world.outsider.txt(world.zone, (b"just arrived",))
    with pytest.raises(ZoneMoved, match="changed since the plan"):
        world.additive(plan, world.fleet(numbers=(1, 2)))
    assert "just arrived" in world.outsider.texts(world.zone)
    world.apply(world.fleet(numbers=(1, 2)))
    assert "just arrived" in world.outsider.texts(world.zone)


def test_a_value_that_comes_between_reading_and_writing_stops_the_write(world):
    """The server itself must compare: only prerequisites close this window."""
    fleet = world.fleet()
    plan = world.plan(fleet)
    world.outsider.txt(world.zone, (b"just arrived",))
    with pytest.raises(ZoneMoved):
        world.opened(fleet).apply(world.zone, plan.zones[0].additive)
    assert world.outsider.texts(world.zone) == {"just arrived"}
    assert not world.outsider.values(world.zone, "MX")


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare")  # octoDNS cannot compare and set, nor can people
def test_two_writers_of_one_spf_record_both_land(world):
    """Two deployments share a domain. Each plans again when the other was quicker; no token is lost."""
    world.outsider.txt(world.zone, (b"v=spf1 include:_spf.example.net -all",))
    failures = []

    def write(number):
        mine = world.elsewhere(str(number))
        fleet = mine.fleet(numbers=(number,), mx="keep")
        for _ in range(20):
            try:
                plan = mine.plan(fleet, [world.key(f"s{number}")])
                mine.additive(plan, fleet)
            except ZoneMoved:
                continue
            return
        failures.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    (text,) = world.outsider.texts(world.zone)
    assert set(text.split()) >= {"include:_spf.example.net", *(f"ip4:{world.ip(number)}" for number in (1, 2, 3))}
    assert len(text.split()) == 6


class Crash(BaseException):
    """The machine stops; no ``except Exception`` may notice."""


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "octodns")  # a zonefile is never written by us
def test_crash_after_the_write_is_healed_by_the_next_run(world, monkeypatch):
    """The zone has our tokens, the ledger was never finished: they must be known as ours all the same."""
    foreign = (b"v=spf1 include:_spf.example.net -all",)
    world.outsider.txt(world.zone, foreign)
    kind = type(world.opened())
    written = kind.apply

    def stop(provider, zone, changes):
        written(provider, zone, changes)
        raise Crash

    plan = world.plan(world.fleet())
    with monkeypatch.context() as patch:
        patch.setattr(kind, "apply", stop)
        with pytest.raises(Crash):
            world.additive(plan, world.fleet())
    assert world.plan(world.fleet()).is_empty
    world.apply(world.fleet())
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert world.outsider.strings(world.zone) == {foreign}


def test_crash_before_the_write_is_healed_by_the_next_run(world, monkeypatch):
    """The ledger speaks of values that never came."""

    def stop(*_):
        raise Crash

    plan = world.plan(world.fleet())
    with monkeypatch.context() as patch:
        patch.setattr(type(world.opened()), "apply", stop)
        with pytest.raises(Crash):
            world.additive(plan, world.fleet())
    world.apply(world.fleet())


def test_lost_ledger_is_adopted_from_a_zone_that_is_right(world):
    """A fresh checkout without the ledger is no reason for conflicts."""
    world.apply(world.fleet())
    before = ledger.read(world.ledger, world.zone)
    ledger.path(world.ledger, world.zone).unlink()
    world.apply(world.fleet())
    assert ledger.read(world.ledger, world.zone) == before


def test_a_failed_write_leaves_no_claim_in_the_ledger(world, monkeypatch):
    """What was never written must not be ours, or we would delete it once somebody else writes it."""

    def refuse(*_):
        raise ProviderError("refused")

    plan = world.plan(world.fleet())
    with monkeypatch.context() as patch:
        patch.setattr(type(world.opened()), "apply", refuse)
        with pytest.raises(ProviderError, match="no zone was written before it"):
            world.additive(plan, world.fleet())
    assert ledger.read(world.ledger, world.zone) == ()


def test_a_cname_that_comes_between_is_never_written_over(world):
    """Knot and BIND would answer NOERROR and drop our TXT."""
    plan = world.plan(world.fleet())
    world.outsider.add(f"_dmarc.{world.zone}", "CNAME", "_dmarc.example.net.")
    with pytest.raises(ProviderError):
        world.additive(plan, world.fleet())
    assert world.outsider.values(f"_dmarc.{world.zone}", "CNAME") == {"_dmarc.example.net."}


@pytest.mark.backends("knot", "bind", "powerdns")
@pytest.mark.parametrize("rdtype", ["CNAME", "NS"])
def test_the_server_itself_stops_a_write_beside_a_cname_or_below_a_cut(world, rdtype):
    """Nothing of the message may land: below a new child zone our values would lie hidden in the parent for ever."""
    plan = world.plan(world.fleet())
    world.outsider.add(f"_domainkey.{world.zone}", rdtype, "elsewhere.example.net.")
    changes = [change for change in plan.zones[0].additive if "._domainkey." in change.name or rdtype == "NS"]
    if rdtype == "CNAME":
        changes = [replace(changes[0], name=f"_domainkey.{world.zone}")]
    with pytest.raises(ZoneMoved):
        world.opened().apply(world.zone, changes)
    world.outsider.delete(f"_domainkey.{world.zone}", rdtype)
    assert not world.outsider.strings(f"s1._domainkey.{world.zone}")
    assert not world.outsider.strings(f"_domainkey.{world.zone}")
    assert not world.outsider.values(world.zone, "MX")


def test_ledger_of_a_zone_no_longer_in_the_inventory_is_mentioned(world):
    """Else its records would be forgotten in DNS for ever."""
    ledger.write(world.ledger, "gone.example", [Record("gone.example", "MX", 300, "0 .", shared=True)])
    assert "gone.example" in world.plan(world.fleet()).notes[0]


def test_an_adopted_mx_is_not_forgotten_when_the_run_stops_between_the_steps(world):
    """Ours beside the stranger's for ever would split the domain's mail; so it is a conflict again."""
    world.outsider.add(world.zone, "MX", "5 in.example.net.")
    world.additive(world.plan(world.fleet(), adopt=True), world.fleet())
    assert world.outsider.values(world.zone, "MX") == {"5 in.example.net."}
    assert [it.type for it in world.plan(world.fleet()).conflicts] == ["MX"]
    world.apply(world.fleet(), adopt=True)
    assert world.outsider.values(world.zone, "MX") == {f"10 mail1.{world.zone}."}
