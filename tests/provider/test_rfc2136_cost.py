"""What RFC 2136 costs, in messages: set by what we touch, never by how much the zone holds beside it.

Zone transfers grow with the zone: 20,000 records took 1.8 s to read once, and octodns-bind reads twice.
"""

from collections import Counter
from math import ceil

import dns.opcode
import dns.query
import pytest

from postwright.dns.plan import Change
from postwright.dns.providers.rfc2136 import updates

pytestmark = pytest.mark.backends("knot", "bind", "powerdns")


@pytest.fixture
def sent(monkeypatch):
    """Messages by opcode, as they leave."""
    counted, tcp = Counter(), dns.query.tcp

    def counting(message, *args, **options):
        counted[dns.opcode.to_text(message.opcode())] += 1
        return tcp(message, *args, **options)

    monkeypatch.setattr(dns.query, "tcp", counting)
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
    """The SOA, a query for each of 6 RRsets, one for each of 4 names other than the zone, one for each of 2 parents."""
    world.apply(world.fleet())
    assert of(sent, lambda: world.plan(world.fleet()))["QUERY"] <= 1 + 6 + 4 + 2
    assert "UPDATE" not in of(sent, lambda: world.plan(world.fleet()))


def test_one_update_writes_a_zone_and_more_come_by_size_alone(world, sent):
    """All that fits goes at once; a message is full when the next change would not fit."""
    fleet = world.fleet()
    plan = world.plan(fleet)
    assert of(sent, lambda: world.additive(plan, fleet))["UPDATE"] == 1
    changes = [
        Change(f"k{number}.{world.zone}", "TXT", None, (), 300, (f'"{"x" * 250}"',) * 1) for number in range(400)
    ]
    provider = world.opened()
    sizes = [len(updates._message(world.zone, [change], provider.key).to_wire()) for change in changes]
    written = of(sent, lambda: provider.apply(world.zone, changes))["UPDATE"]
    assert 1 < written <= ceil(sum(sizes) / (updates._MESSAGE_OCTETS - max(sizes)))
