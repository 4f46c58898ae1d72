"""What RFC 2136 costs, in messages and in round trips: set by what we touch, never by how much the zone holds beside it.

Zone transfers grow with the zone: 20,000 records took 1.8 s to read once, and octodns-bind reads twice. Messages are cheap
when all are under way at once; what costs over a network is each wait for answers.
"""

from collections import Counter
from math import ceil

import dns.opcode
import pytest

from postwright.dns.plan import Change
from postwright.dns.providers.rfc2136 import connection, updates
from postwright.dns.spot import BESIDE_CNAME
from postwright.model import MtaSts

pytestmark = pytest.mark.backends("knot", "bind", "powerdns")
WAITS = "waits"


@pytest.fixture
def sent(monkeypatch):
    """Messages by opcode, as they leave; and how often they were waited for."""
    counted, at_once = Counter(), connection.Connection._at_once

    def counting(it, messages):
        counted.update(dns.opcode.to_text(message.opcode()) for message in messages)
        counted[WAITS] += 1
        return at_once(it, messages)

    monkeypatch.setattr(connection.Connection, "_at_once", counting)
    return counted


def of(sent, work):
    sent.clear()
    work()
    return dict(sent)


def fill(world, start, end):
    """Records of strangers, a thousand in a message."""
    for first in range(start, end, 1000):
        names = [f"n{number}.{world.zone}." for number in range(first, min(first + 1000, end))]
        world.outsider._update(lambda update, names=names: [update.add(name, 777, "A", "192.0.2.1") for name in names])


def test_messages_do_not_grow_with_the_zone(world, sent):
    fleet, none = world.fleet(), world.fleet(names=[], numbers=())

    def costs():
        empty = of(sent, lambda: world.plan(fleet))
        publish = of(sent, lambda: world.apply(fleet))
        again = of(sent, lambda: world.plan(fleet))
        world.apply(none, keys=[])
        return empty, publish, again

    fill(world, 0, 10)
    small = costs()
    fill(world, 10, 5000)
    assert costs() == small


def test_queries_are_counted_by_what_is_wanted(world, sent):
    """One for each of 6 RRsets and one for each of 4 names, all at once; the same before anything is there."""
    fleet = world.fleet()
    wanted = {"QUERY": 6 + 4, WAITS: 1}
    assert of(sent, lambda: world.plan(fleet)) == wanted
    world.apply(fleet)
    assert of(sent, lambda: world.plan(fleet)) == wanted


def test_round_trips_do_not_grow_with_the_names(world, sent):
    """30 domains, 122 RRsets: one wait to plan, one to write, one to read back."""
    names = [f"d{number}.{world.zone}" for number in range(30)]
    fleet, keys = world.fleet(names=names), [world.key("s1", name) for name in names]
    plan = world.plan(fleet, keys)
    assert of(sent, lambda: world.plan(fleet, keys))[WAITS] == 1
    assert of(sent, lambda: world.additive(plan, fleet)) == {"UPDATE": 1, "QUERY": 4 * 30 + 2 + 3 * 30 + 1, WAITS: 2}


def test_a_wildcard_costs_one_round_trip_more(world, sent):
    """What it answers to is looked at by prerequisites, all at once."""
    world.outsider.add(f"*.{world.zone}", "TXT", "anything")
    assert of(sent, lambda: world.plan(world.fleet()))[WAITS] <= 3
    world.apply(world.fleet())
    assert of(sent, lambda: world.plan(world.fleet()))[WAITS] <= 2


def test_a_child_zone_costs_two_round_trips_more(world, sent):
    """One for its top where only that tells, and one for its servers."""
    names = [f"{label}own.{world.zone}" for label in ("", "new.", "there.", "other.")]
    assert of(sent, lambda: world.plan(world.fleet(names=names), []))[WAITS] <= 3


def test_what_the_server_compares_is_not_read_before(world, sent):
    """Only a TTL that others may have set is looked at again: prerequisites hold none (RFC 2136 §2.4.2)."""
    world.outsider.txt(world.zone, (b"of others",))
    world.apply(world.fleet(mx="keep"))

    def written(**changed):
        plan = world.plan(world.fleet(mx="keep", **changed))
        return of(sent, lambda: world.subtractive(world.additive(plan, world.fleet()), world.fleet()))

    assert written(policy="quarantine") == {"UPDATE": 1, "QUERY": 2, WAITS: 2}
    assert written(policy="quarantine", spf_all="-all") == {"UPDATE": 1, "QUERY": 2 * 2, WAITS: 3}


def test_one_update_writes_a_zone_and_more_come_by_size_alone(world, sent):
    """All that fits goes at once; a message is full when the next change would not fit. Several are tried before, all at once."""
    fleet = world.fleet()
    plan = world.plan(fleet)
    assert of(sent, lambda: world.additive(plan, fleet))["UPDATE"] == 1
    changes = [
        Change(f"k{number}.{world.zone}", "TXT", None, (), 300, (f'"{"x" * 250}"',) * 1) for number in range(400)
    ]
    provider = world.opened()
    sizes = [len(updates._message(world.zone, [change], provider.key).to_wire()) for change in changes]
    cost = of(sent, lambda: provider.apply(world.zone, changes))
    written = cost[WAITS] - 1
    assert 1 < written <= ceil(sum(sizes) / (updates._MESSAGE_OCTETS - max(sizes)))
    assert written < cost["UPDATE"] <= 2 * written


def test_beside_a_cname_that_is_there_nothing_is_asked_for(world, sent):
    """Before it is, one round trip tells of it, and another one of what may be in its way."""
    policy = MtaSts(mx=(f"mail1.{world.zone}",), policy_host="policy.example.net")
    fleet = world.fleet()
    fleet = fleet.model_copy(update={"domains": (fleet.domains[0].model_copy(update={"mta_sts": policy}),)})
    names, rrsets = 4 + 2, 6 + 2
    assert of(sent, lambda: world.plan(fleet)) == {"QUERY": names + rrsets + len(BESIDE_CNAME), WAITS: 2}
    world.apply(fleet)
    assert of(sent, lambda: world.plan(fleet)) == {"QUERY": names + rrsets, WAITS: 1}
