"""Waiting until every authoritative server shows the records: three states, and nobody else is asked."""

import threading

import pytest

from postwright.dns import nameservers, propagation
from postwright.dns.propagation import wait_until_seen
from postwright.dns.records import desired

pytestmark = pytest.mark.backends("knot", "bind", "powerdns")  # they are told by NS; others by zone.servers


@pytest.fixture(autouse=True)
def short_questions(monkeypatch):
    monkeypatch.setattr(nameservers, "_SECONDS", 0.3)


@pytest.fixture
def records(world):
    return desired(world.fleet(), [world.key()])


def test_everything_published_is_seen(world, records):
    world.apply(world.fleet())
    seen = wait_until_seen(world.fleet(), records, 0)
    assert (seen.state, seen.problems, seen.notes) == ("ok", (), ())
    assert {sighting.server for sighting in seen.sightings} == {f"ns1.{world.zone}"}


def test_what_is_missing_is_named_with_the_server_and_its_answer(world, records):
    world.apply(world.fleet())
    world.outsider.delete(f"s1._domainkey.{world.zone}", "TXT")
    seen = wait_until_seen(world.fleet(), records, 0)
    assert seen.state == "missing"
    assert seen.problems == (f"s1._domainkey.{world.zone} TXT at ns1.{world.zone}: missing (it answers nothing)",)


def test_it_waits_for_a_record_that_comes_late(world, records):
    fleet = world.fleet()
    plan = world.plan(fleet)
    told = []
    late = threading.Timer(0.3, world.additive, (plan, fleet))
    late.start()
    seen = wait_until_seen(fleet, records, 10, told.append)
    late.join()
    assert seen.state == "ok"
    assert told[0] == f"waiting for ns1.{world.zone}"


def test_server_that_does_not_answer_is_unknown_not_missing(world, records, monkeypatch):
    """A second server that is down must not be mistaken for one without the record, nor for agreement."""
    world.apply(world.fleet())
    world.outsider.add(f"ns2.{world.zone}", "A", "127.0.0.99")
    world.outsider.add(world.zone, "NS", f"ns2.{world.zone}.")
    asked = []
    monkeypatch.setattr(
        propagation, "ask", lambda server, *rest: asked.append(server.name) or nameservers.ask(server, *rest)
    )
    seen = wait_until_seen(world.fleet(), records, 0)
    assert seen.state == "unknown"
    assert {sighting.server for sighting in seen.sightings if sighting.state == "unknown"} == {f"ns2.{world.zone}"}
    assert asked.count(f"ns2.{world.zone}") == 1  # not one per record, or a dead server would cost minutes


def test_without_resolvable_servers_the_provider_is_asked_and_that_is_said(world, records):
    world.apply(world.fleet())
    world.outsider.add(world.zone, "NS", "ns.nowhere.invalid.")
    world.outsider.delete(world.zone, "NS", f"ns1.{world.zone}.")
    seen = wait_until_seen(world.fleet(), records, 0)
    assert seen.state == "ok"
    assert {sighting.server for sighting in seen.sightings} == {"127.0.0.1"}
    assert "cannot be resolved" in seen.notes[0]
    assert "only the provider's server 127.0.0.1 is asked" in seen.notes[1]


def test_unreachable_provider_is_unknown(world, records):
    fleet = world.fleet(provider=world.provider(server="127.0.0.99"))
    seen = wait_until_seen(fleet, records, 0)
    assert seen.state == "unknown"
    assert "NS records cannot be read" in seen.notes[0]
