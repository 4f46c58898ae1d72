"""What the server itself compares as it writes (RFC 2136 §2.4), and what is looked at before because it does not.

The zone moves between plan and apply, while the operator reads the plan. Nothing of it is written then, in the zone or in the
ledger, however the zone moved.
"""

import pytest

from postwright.dns import ledger
from postwright.dns.providers import ZoneMoved
from postwright.dns.providers.rfc2136 import updates

pytestmark = pytest.mark.backends("knot", "bind", "powerdns")


def refused(world, plan):
    """Neither the zone's SOA serial nor the ledger may tell of the attempt."""
    before = world.outsider.values(world.zone, "SOA"), ledger.read(world.ledger, world.zone)
    with pytest.raises(ZoneMoved, match=f"zone {world.zone}: changed since the plan was made; run the plan again"):
        world.additive(plan, world.fleet())
    assert (world.outsider.values(world.zone, "SOA"), ledger.read(world.ledger, world.zone)) == before


def retime(world, name, ttl, *values):
    world.outsider.delete(name, "TXT")
    world.outsider.txt(name, *values, ttl=ttl)


def test_a_ttl_of_others_that_moved_alone_is_not_set_back(world):
    """No prerequisite sees it: adding our token to their record would bring their old TTL with it."""
    spf, other = (b"v=spf1 include:_spf.example.net -all",), (b"of others",)
    world.outsider.txt(world.zone, spf, other)
    plan = world.plan(world.fleet())
    retime(world, world.zone, 60, spf, other)
    refused(world, plan)
    world.apply(world.fleet())
    assert world.outsider.ttl(world.zone, "TXT") == 60


def test_a_ttl_that_moved_where_all_is_ours_is_what_the_inventory_says(world):
    """The next plan would set it in any case."""
    world.apply(world.fleet())
    plan = world.plan(world.fleet(policy="quarantine"))
    retime(world, f"_dmarc.{world.zone}", 60, (b"v=DMARC1; p=none",))
    world.subtractive(world.additive(plan, world.fleet()), world.fleet())
    assert world.outsider.texts(f"_dmarc.{world.zone}") == {"v=DMARC1; p=quarantine"}
    assert world.outsider.ttl(f"_dmarc.{world.zone}", "TXT") == 300


@pytest.mark.parametrize("octets", [60_000, 1])
def test_a_value_that_moved_stops_the_whole_step(world, monkeypatch, octets):
    """Also where it takes several messages, and what moved is in the last of them."""
    monkeypatch.setattr(updates, "_MESSAGE_OCTETS", octets)
    world.apply(world.fleet(names=[], numbers=(1,)))
    plan = world.plan(world.fleet())
    last = plan.zones[0].additive[-1]
    world.outsider.add(last.name, last.type, "10 in.example.net." if last.type == "MX" else "of others")
    refused(world, plan)


def test_what_somebody_else_wrote_before_our_refused_write_is_theirs(world):
    """The token we wanted to put in: it must be there when we are gone."""
    plan = world.plan(world.fleet())
    theirs = (f"v=spf1 a ip4:{world.ip(1)} ~all".encode(),)
    world.outsider.txt(world.zone, theirs)
    refused(world, plan)
    world.apply(world.fleet())
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert world.outsider.strings(world.zone) == {theirs}


@pytest.mark.parametrize(
    ("label", "rdtype"),
    [
        ("_dmarc.", "CNAME"),
        ("_domainkey.", "NS"),
        pytest.param("_domainkey.", "DNAME", marks=pytest.mark.backends("knot", "bind")),  # PowerDNS: none by default
    ],
)
def test_what_came_in_the_way_stops_the_write(world, label, rdtype):
    plan = world.plan(world.fleet())
    world.outsider.add(f"{label}{world.zone}", rdtype, "elsewhere.example.net.")
    refused(world, plan)


def test_a_wildcard_that_leads_nowhere_is_not_in_the_way(world):
    """An alias to a name that does not exist is answered NXDOMAIN, as is a name that no wildcard stands above."""
    world.outsider.add(f"*.{world.zone}", "CNAME", f"nowhere.ns1.{world.zone}.")
    world.apply(world.fleet())
    assert world.outsider.texts(f"_dmarc.{world.zone}") == {"v=DMARC1; p=none"}
    world.apply(world.fleet(names=[], numbers=()), keys=[])
