"""What an apply asks, counted: a zone in which there is nothing to do is read once, all else is looked at again before it is written.

Both halves of an apply are run as ``apply`` does it, without hosts.
"""

import socket
from collections import Counter

import dns.query
import pytest

from postwright import publishing
from postwright.dns import ledger
from postwright.dns import publish as service
from postwright.dns.providers.rfc2136.connection import Connection
from postwright.dns.providers.rfc2136.streams import Streams
from postwright.errors import ProviderError, UnsafePlan
from postwright.inventory import Project
from postwright.plan import FleetPlan
from postwright.terms import Terms

pytestmark = pytest.mark.backends("knot", "bind", "powerdns", "cloudflare")
COMPARES = ("knot", "bind", "powerdns")


@pytest.fixture
def zones(world):
    return [world.zone, *(world.backend.zones(next(world.backend.slots))[0] for _ in range(3))]


@pytest.fixture
def project(world, zones):
    """Without TLSA, for there are no certificates here, and no keys."""
    (world.project / ".postwright").mkdir()
    return of(world, zones)


def of(world, zones, **changes):
    fleet = world.fleet(names=zones, zones=zones, mx="null", **changes).model_copy(
        update={"tlsa": False, "ledger": world.ledger}
    )
    return Project(fleet, world.project / "inventory.py")


@pytest.fixture
def reads(world, monkeypatch):
    """How often each zone is read."""
    kind, counted = type(world.opened()), Counter()
    works = kind.read

    def counting(provider, zone, wanted):
        counted[zone] += 1
        return works(provider, zone, wanted)

    monkeypatch.setattr(kind, "read", counting)
    return counted


@pytest.fixture
def asked(monkeypatch):
    """Questions over TCP, which are signed, and those over UDP to the servers that everybody asks."""
    counted, at_once, udp = Counter(), Connection._at_once, dns.query.udp_with_fallback

    def over_tcp(it, messages):
        counted["signed"] += len(messages)
        return at_once(it, messages)

    def over_udp(*args, **options):
        counted["plain"] += 1
        return udp(*args, **options)

    monkeypatch.setattr(Connection, "_at_once", over_tcp)
    monkeypatch.setattr(dns.query, "udp_with_fallback", over_udp)
    return counted


def planned(project):
    return FleetPlan((), publishing.dns_plan(project, Terms()), ())


def carried_out(project, expected, phase=lambda _: None):
    """As apply.apply does it: the note that something is unproven goes when all is done."""
    written = []
    if not expected.is_empty:
        publishing.unproven(project).touch()
    plan = publishing.publish(project, expected, phase, written.append, Terms(), lambda _: None)
    publishing.unproven(project).unlink(missing_ok=True)
    publishing.retract(project, plan, phase, written.append)
    return sorted(set(written))


def apply(project):
    return carried_out(project, planned(project))


@pytest.fixture
def settled(world, project, monkeypatch):
    """Everything is as the inventory says. Cloudflare's zones have no servers to ask here."""
    if world.backend.kind == "cloudflare":
        monkeypatch.setattr(publishing, "_await_servers", lambda *_: None)
    assert len(apply(project)) == 4
    return project


def test_a_zone_without_changes_is_read_once(settled, reads, zones):
    assert apply(settled) == []
    assert reads == dict.fromkeys(zones, 1)


@pytest.mark.backends(*COMPARES)
def test_an_apply_without_changes_asks_the_primary_alone_and_once_for_each_name_and_rrset(settled, asked):
    """One host with two RRsets at its name; in each of 4 zones MX, SPF and DMARC at two names. And one more for each name."""
    apply(settled)
    assert asked == {"signed": (2 + 1) + 4 * (3 + 2)}


@pytest.mark.backends("cloudflare")
def test_an_apply_without_changes_takes_a_call_for_each_zone(world, settled, zones):
    del world.backend.fake.calls[:]
    apply(settled)
    calls = [call.path.rpartition("/")[2] for call in world.backend.fake.calls]
    assert calls.count("dns_records") == len(calls) == len(zones)


def test_only_the_zone_that_changes_is_read_again(world, settled, reads, zones):
    """It is read to plan, again before its plan is carried out, and back; where the server cannot compare once more."""
    world.backend.outsider(zones[2]).delete(f"_dmarc.{zones[2]}", "TXT")
    reads.clear()
    assert apply(settled) == [zones[2]]
    again = 3 if world.backend.kind in COMPARES else 4
    assert reads == {zone: again if zone == zones[2] else 1 for zone in zones}


def test_what_goes_between_plan_and_apply_from_a_settled_zone_is_for_the_next_apply(world, settled, zones):
    expected = planned(settled)
    world.backend.outsider(zones[1]).delete(f"_dmarc.{zones[1]}", "TXT")
    assert carried_out(settled, expected) == []
    assert apply(settled) == [zones[1]]


def test_a_zone_that_is_to_be_changed_and_moved_since_is_refused(world, settled, zones):
    """Nobody agreed to put back what went after the plan was made."""
    there = world.backend.outsider(zones[1])
    there.delete(f"_dmarc.{zones[1]}", "TXT")
    expected = planned(settled)
    there.delete(zones[1], "MX")
    with pytest.raises(UnsafePlan, match=f"zone {zones[1]}: {zones[1]} MX"):
        carried_out(settled, expected)
    assert there.texts(f"_dmarc.{zones[1]}") == set()


def test_a_zone_is_read_again_if_what_is_wanted_of_it_has_changed(world, settled, zones, reads):
    known = publishing.dns_plan(settled, Terms())
    reads.clear()
    after = publishing.dns_plan(of(world, zones, spf_all="-all"), Terms(), known=known)
    assert set(reads) == set(zones)
    assert not after.is_empty


def test_a_zone_is_read_again_if_its_ledger_has_changed(settled, zones, reads):
    known = publishing.dns_plan(settled, Terms())
    folder = publishing.ledger_of(settled)
    ledger.write(folder, zones[3], ledger.read(folder, zones[3])[1:])
    reads.clear()

    publishing.dns_plan(settled, Terms(), known=known)

    assert reads == {zones[3]: 1}


@pytest.mark.backends("knot")
def test_after_an_apply_that_was_cut_short_every_server_is_asked(settled, asked):
    publishing.unproven(settled).touch()
    apply(settled)
    assert asked["plain"] > 0


@pytest.mark.backends("knot")
def test_while_something_is_to_be_done_on_hosts_every_server_is_asked(settled, asked):
    """Hosts will rely on what the servers show, and so on more than the primary's word."""

    class Host:
        changes = 1

    expected = FleetPlan((), publishing.dns_plan(settled, Terms()), (Host(),))
    carried_out(settled, expected)
    assert asked["plain"] > 0


@pytest.mark.backends("knot")
def test_whether_a_zone_is_signed_takes_three_questions_beside_the_others(world, asked):
    """Its servers' names, the first one's address, and its keys; at a name of TLSA the zone is asked as at any other."""
    fleet = world.fleet(names=[])
    service.plan(fleet, [], world.project, world.ledger, tlsa={"mail1": "00" * 32})
    assert asked["plain"] == 3


@pytest.fixture
def connections(monkeypatch):
    made = []
    fresh = Streams.fresh

    def counting(streams):
        made.append(fresh(streams))
        return made[-1]

    monkeypatch.setattr(Streams, "fresh", counting)
    return made


@pytest.mark.backends(*COMPARES)
def test_many_zones_are_read_over_few_connections_which_are_closed_then(world, connections):
    """Eight at once at most, as many as are read at once."""
    zones = [world.backend.zones(next(world.backend.slots))[0] for _ in range(10)]

    world.plan(world.fleet(names=zones, zones=[*zones, world.zone], mx="null"), [])

    assert 1 <= len(connections) <= 8
    assert all(stream.fileno() == -1 for stream in connections)


@pytest.mark.backends(*COMPARES)
def test_a_kept_connection_that_the_server_has_closed_is_replaced(world, connections):
    provider = world.opened()
    with provider.kept():
        before = provider.read(world.zone, [(world.zone, "TXT")])
        connections[0].shutdown(socket.SHUT_RDWR)

        assert provider.read(world.zone, [(world.zone, "TXT")]) == before

    assert len(connections) == 2


@pytest.mark.usefixtures("settled")
def test_what_went_last_and_was_not_seen_everywhere_is_looked_for_by_the_next_apply(world, zones, monkeypatch):
    """A policy is swapped after the hosts, and the run ends before every server shows it."""
    strict = of(world, zones, policy="quarantine")
    seen = []

    def await_servers(_project, _records, _phase, otherwise):
        seen.append(otherwise)
        if len(seen) == 2:
            raise ProviderError("one server is behind")

    monkeypatch.setattr(publishing, "_await_servers", await_servers)
    with pytest.raises(ProviderError, match="one server is behind"):
        apply(strict)
    assert publishing.dns_plan(strict, Terms()).is_empty

    apply(strict)
    apply(strict)

    assert seen == ["hosts were not touched", "all else is done", "hosts were not touched"]
