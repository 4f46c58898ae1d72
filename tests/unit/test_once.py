"""A question is asked once, by however many threads, and its answer is the same for all of them."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from support import full_fleet

from postwright.dns import nameservers, propagation
from postwright.dns.record import Record
from postwright.model import Cloudflare, Fleet, SecretSource, Zone
from postwright.once import Once


def test_threads_that_come_meanwhile_wait_for_the_one_that_asks():
    asked, go, there = [], Event(), Barrier(8)

    def ask(name):
        asked.append(name)
        go.wait(30)
        return name.upper()

    once = Once(ask)

    def come():
        there.wait(30)
        return once("a")

    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(come) for _ in range(8)]
        go.set()
        assert {answer.result() for answer in answers} == {"A"}
    assert asked == ["a"]


def test_what_was_raised_is_raised_again():
    asked = []

    def ask(name):
        asked.append(name)
        raise LookupError(name)

    once = Once(ask)

    for _ in range(2):
        with pytest.raises(LookupError, match="a"):
            once("a")
    assert asked == ["a"]


@pytest.fixture
def fleet(tmp_path):
    return full_fleet(tmp_path)


@pytest.fixture
def resolver(monkeypatch):
    """Every zone has the same two name servers."""
    asked = []

    def resolve(name, rdtype):
        asked.append((name, rdtype))
        return {"NS": ("ada.ns.test.", "bob.ns.test."), "A": ("192.0.2.1",), "AAAA": ()}[rdtype]

    monkeypatch.setattr(nameservers, "resolve", resolve)
    return asked


def at_cloudflare(fleet, number):
    provider = Cloudflare(kind="cloudflare", token=SecretSource(env="UNUSED"))
    zones = tuple(Zone(name=f"z{it}.test", provider="cf") for it in range(number))
    given = {name: getattr(fleet, name) for name in Fleet.model_fields}
    return Fleet.model_construct(**{**given, "zones": zones, "providers": {"cf": provider}})


def test_the_servers_of_many_zones_are_looked_up_once(fleet, resolver):
    many = at_cloudflare(fleet, 50)
    addresses = nameservers.lookup(many)

    found = [nameservers.authoritative(many, zone, addresses)[0] for zone in many.zones]

    assert {len(servers) for servers in found} == {2}
    assert len(resolver) == 50 + 2 * 2


def test_only_the_first_server_that_answers_is_looked_up_to_ask_it(fleet, resolver, monkeypatch):
    monkeypatch.setattr(nameservers, "ask", lambda server, *_: (server.name,))
    many = at_cloudflare(fleet, 1)

    assert nameservers.at_top(many, many.zones[0], "DNSKEY") == ("ada.ns.test",)
    assert resolver == [("z0.test", "NS"), ("ada.ns.test", "A")]


@pytest.mark.usefixtures("resolver")
def test_the_next_server_is_asked_if_the_first_does_not_answer(fleet, monkeypatch):
    def ask(server, *_):
        if server.name.startswith("ada"):
            raise nameservers.NoAnswerError("silent")
        return (server.name,)

    monkeypatch.setattr(nameservers, "ask", ask)
    many = at_cloudflare(fleet, 1)

    assert nameservers.at_top(many, many.zones[0], "DNSKEY") == ("bob.ns.test",)


@pytest.mark.usefixtures("resolver")
def test_if_none_answers_all_that_was_tried_is_told(fleet, monkeypatch):
    def silent(*_):
        raise nameservers.NoAnswerError("silent")

    monkeypatch.setattr(nameservers, "ask", silent)
    many = at_cloudflare(fleet, 1)

    with pytest.raises(nameservers.NoAnswerError, match=r"^ada\.ns\.test: silent; bob\.ns\.test: silent$"):
        nameservers.at_top(many, many.zones[0], "DNSKEY")


def test_waiting_for_many_zones_looks_their_servers_up_once(fleet, resolver, monkeypatch):
    monkeypatch.setattr(propagation, "ask", lambda *_: ("192.0.2.9",))
    many = at_cloudflare(fleet, 50)
    records = [Record(f"mail.{zone.name}", "A", 300, "192.0.2.9") for zone in many.zones]

    assert propagation.wait_until_seen(many, records, 0).state == "ok"

    assert len(resolver) == 50 + 2 * 2
