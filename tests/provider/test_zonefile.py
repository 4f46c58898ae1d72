"""A zone nobody's API reaches: read from all its servers, changed by a person with a file.

The contract shows that a person who does what the file says, and nothing else, gets there. Here is what must never happen: a
plan from half an answer, an instruction that is no longer right, and a claim that something was written.
"""

import socket

import pytest
from provider.backends import knot
from provider.backends.zonefile import DIRECTORY

from postwright.dns import ledger, publish
from postwright.dns.providers import PasteNeeded, ZoneMoved
from postwright.errors import ProviderError

pytestmark = pytest.mark.backends("zonefile")


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    """Another server with the same zones, which nobody keeps in step."""
    server = knot.start(tmp_path_factory.mktemp("second"))
    yield server
    server.stop()


def file(world):
    return world.project / DIRECTORY / f"{world.zone}.txt"


def told(world, fleet=None):
    """The file of a first step, and the message that names it."""
    fleet = fleet or world.fleet()
    with pytest.raises(PasteNeeded) as caught:
        publish.apply_additive(world.plan(fleet), fleet, world.project, world.ledger)
    return file(world).read_text(), str(caught.value)


def with_servers(world, *ports):
    fleet = world.fleet()
    zone = fleet.zones[0].model_copy(update={"servers": tuple(f"127.0.0.1@{port}" for port in ports)})
    return fleet.model_copy(update={"zones": (zone,)})


# --- 1. The instruction -------------------------------------------------------------------------------------------------


def test_nothing_is_written_and_nothing_is_claimed_to_be(world):
    text, message = told(world)
    assert f"zone {world.zone}: to be changed by hand: " in message
    assert str(file(world)) in message
    assert "run this command again" in message
    assert not world.outsider.values(world.zone, "MX")
    assert f"{world.zone}. 300 IN MX 10 mail1.{world.zone}.\n" in text
    assert ledger.read(world.ledger, world.zone)  # the claim to what a person may paste at any time


def test_record_sets_are_replaced_whole_so_that_nothing_can_be_missed(world):
    """Somebody else's value stands among both the old lines and the new."""
    world.outsider.txt(world.zone, (b"google-site-verification=abc",), (b"v=spf1 a -all",))
    text, _ = told(world)
    site = f'{world.zone}. 777 IN TXT "google-site-verification=abc"\n'
    assert f";- {site}" in text
    assert f"\n{site}" in text
    assert f';- {world.zone}. 777 IN TXT "v=spf1 a -all"\n' in text
    assert f'\n{world.zone}. 777 IN TXT "v=spf1" " ip4:{world.ip(1)} a -all"\n'.replace('" "', "") in text


def test_the_file_goes_once_it_was_followed(world):
    """Pasted twice, it could bring back what somebody removed in between."""
    told(world)
    world.backend.settle(world.project)
    assert world.plan(world.fleet()).is_empty
    assert not file(world).exists()


def test_the_file_goes_when_somebody_else_was_first(world):
    """Its lines to take out are no longer what is there."""
    told(world)
    world.outsider.txt(world.zone, (b"just arrived",))
    world.plan(world.fleet())
    assert not file(world).exists()
    text, _ = told(world)
    assert f';- {world.zone}. 777 IN TXT "just arrived"' in text


def test_the_file_stays_while_it_is_still_to_be_done(world):
    """A plan from cron must not take it away from the person who is about to paste it."""
    text, _ = told(world)
    world.plan(world.fleet())
    world.plan(world.fleet(names=[]), [])  # one that wants other names looks at those of the file all the same
    assert file(world).read_text() == text


def test_a_change_since_the_plan_makes_no_instruction(world):
    fleet = world.fleet()
    plan = world.plan(fleet)
    world.outsider.add(f"_dmarc.{world.zone}", "CNAME", "_dmarc.example.net.")
    with pytest.raises(ZoneMoved, match="changed since the plan was made"):
        publish.apply_additive(plan, fleet, world.project, world.ledger)
    assert not file(world).exists()


# --- 2. Reading ---------------------------------------------------------------------------------------------------------


def test_servers_that_agree_are_as_one(world, second):
    fleet = with_servers(world, world.backend.place.port, second.place.port)
    assert not world.plan(fleet).conflicts


@pytest.mark.parametrize("ttl", [777, 778])
def test_servers_that_do_not_agree_are_told_apart(world, second, ttl):
    """Half of a change is on its way: whatever was planned now would be wrong for one of them."""
    world.outsider.add(world.zone, "MX", "20 in.example.net.")
    if ttl != 777:
        second.outsider(world.zone).add(world.zone, "MX", "20 in.example.net.", ttl)
    fleet = with_servers(world, world.backend.place.port, second.place.port)
    with pytest.raises(ProviderError) as caught:
        world.plan(fleet)
    text = str(caught.value)
    assert f"zone {world.zone}: its servers do not agree: {world.zone} MX: " in text
    assert f"127.0.0.1@{world.backend.place.port} answers 20 in.example.net. (TTL 777)" in text
    there = "20 in.example.net. (TTL 778)" if ttl == 778 else "nothing"
    assert f"127.0.0.1@{second.place.port} answers {there}" in text


def test_a_server_that_cannot_be_asked_is_half_an_answer(world):
    with socket.socket(type=socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    fleet = with_servers(world, world.backend.place.port, port)
    with pytest.raises(
        ProviderError, match=rf"zone {world.zone}: 127.0.0.1@{port} cannot be asked for .*half an answer"
    ):
        world.plan(fleet)


def test_a_server_without_the_zone_is_not_an_empty_zone(world):
    """Knot refuses; one that serves the parent would answer as if the zone were empty."""
    fleet = world.fleet(zones=["typo.example"], names=[], numbers=())
    with pytest.raises(ProviderError, match=r"zone typo.example: .*no authority \(REFUSED\)"):
        world.plan(fleet, [])
    fleet = world.fleet(zones=[f"typo.{world.zone}"], names=[], numbers=())
    with pytest.raises(
        ProviderError, match=rf"zone typo.{world.zone}: .* does not serve the zone; mend the zone's name"
    ):
        world.plan(fleet, [])


def test_a_value_equal_to_a_wildcards_counts_where_the_name_exists(world):
    """A name that is there hides the wildcard, whatever it holds; only its own values count, and all of them do."""
    zone, outsider = world.zone, world.outsider
    outsider.add(f"*.{zone}", "A", world.ip(1), 300)
    outsider.add(f"mail1.{zone}", "A", world.ip(1), 300)
    plan = world.plan(world.fleet())
    assert (f"mail1.{zone}", "A") not in {(it.name, it.type) for it in plan.zones[0].additive}
    outsider.delete(f"mail1.{zone}", "A")
    plan = world.plan(world.fleet())
    assert (f"mail1.{zone}", "A") in {(it.name, it.type) for it in plan.zones[0].additive}


def test_a_zone_whose_servers_cannot_be_found_out_says_what_to_name(world, monkeypatch):
    fleet = with_servers(world)
    monkeypatch.setattr("dns.resolver.resolve", refuse)
    with pytest.raises(ProviderError, match="name those that can be asked in the zone's servers"):
        world.plan(fleet)


def refuse(*_, **__):
    raise OSError("no resolver here")
