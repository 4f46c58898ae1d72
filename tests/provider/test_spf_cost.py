"""SPF's cost on real servers: what a tree of records costs, asked of the zone's own servers, and what nobody answers."""

import pytest
from provider.backends import free_port

from postwright.dns import nameservers, spf
from postwright.dns.spf import ask as spf_ask
from postwright.dns.spf.ask import Lookups
from postwright.dns.spf.cost import UnansweredError, cost
from postwright.dns.spf.verdict import examine
from postwright.model import Zone

pytestmark = pytest.mark.backends("knot", "bind", "powerdns")


@pytest.fixture
def asked(monkeypatch):
    """Each question that leaves for an authoritative server."""
    questions, ask = [], nameservers.ask

    def counting(server, name, rdtype):
        questions.append((name, rdtype))
        return ask(server, name, rdtype)

    monkeypatch.setattr(spf_ask, "ask", counting)
    return questions


@pytest.fixture
def tree(world):
    """Three records that include one another, one of them behind an alias, and a mail exchanger."""
    zone, outsider = world.zone, world.outsider
    for name, text in (
        ("one", f"v=spf1 include:alias.{zone} a:none.{zone} ~all"),
        ("two", f"v=spf1 mx:{zone} include:three.{zone} ~all"),
        ("three", "v=spf1 ip4:192.0.2.0/24 -all"),
    ):
        outsider.txt(f"{name}.{zone}", (b"not SPF",), (text[:9].encode(), text[9:].encode()))
    outsider.add(f"alias.{zone}", "CNAME", f"two.{zone}.")
    outsider.add(zone, "MX", f"10 ns1.{zone}.")
    return (spf.render([f"include:one.{zone}", "~all"]),)


def dead(world, name):
    """The fleet with that zone at a server where nothing listens."""
    return world.fleet().model_copy(
        update={"zones": (Zone(name=name, provider="ns", servers=(f"127.0.0.1@{free_port()}",)),)}
    )


def test_a_tree_is_counted_from_what_its_servers_answer(world, tree, asked):
    """include one, alias (two), mx, three, and a name that is not there: five lookups, one of them void."""
    lookups = Lookups(world.fleet())
    found = cost(tree, world.zone, lookups)
    assert (found.lookups, found.voids, found.problems, found.unknown) == (5, 1, (), ())
    before = len(asked)
    assert cost(tree, world.zone, lookups) == found
    assert len(asked) == before
    assert len(set(asked)) == before


@pytest.mark.usefixtures("tree")
def test_a_record_that_becomes_too_much_is_refused_and_addresses_never_are(world):
    lookups = Lookups(world.fleet())
    there = (spf.render([f"include:one.{world.zone}"] * 2 + ["~all"]),)
    assert examine(there, (spf.add(there[0], ["ip4:192.0.2.1"]),), world.zone, lookups).errors == ()
    more = (spf.add(there[0], [f"include:three.{world.zone}"]),)
    assert "would cost receivers 11 DNS lookups" in examine(there, more, world.zone, lookups).errors[0]


def test_a_server_that_does_not_answer_is_unknown_and_soon_left_alone(world, asked):
    """A verdict on no evidence would be worse than none; and time-outs must not add up."""
    lookups = Lookups(dead(world, world.zone))
    values = (spf.render([*(f"include:n{number}.{world.zone}" for number in range(9)), "~all"]),)
    found = examine((), values, world.zone, lookups)
    assert not found.errors
    assert "could not be looked up" in found.warnings[0]
    assert len(asked) == 3


def test_a_name_that_is_none_is_unknown(world):
    """Strangers write what they like after ``include:``."""
    with pytest.raises(UnansweredError):
        Lookups(world.fleet())(f"{'x' * 64}.{world.zone}", "TXT")


def test_aliases_in_a_circle_end_and_spoil_nothing_else(world, tree):
    """Some servers give up on a circle with SERVFAIL; that says nothing of other names."""
    zone = world.zone
    world.outsider.add(f"a.{zone}", "CNAME", f"b.{zone}.")
    world.outsider.add(f"b.{zone}", "CNAME", f"a.{zone}.")
    lookups = Lookups(world.fleet())
    with pytest.raises(UnansweredError):
        lookups(f"a.{zone}", "TXT")
    assert cost(tree, zone, lookups).complete
