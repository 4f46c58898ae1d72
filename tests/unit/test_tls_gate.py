"""What the gate tells Postfix: DANE before MTA-STS, and nothing for certain while one of them cannot be asked."""

import asyncio
import socket
import threading

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from dns.asyncresolver import Resolver

from postwright.tlsgate import netstrings
from postwright.tlsgate.dane import Dane, NoAnswerError
from postwright.tlsgate.gate import Gate, ascii_name
from postwright.tlsgate.memory import SECONDS, Memory
from postwright.tlsgate.server import converse

STS = "OK secure match=mx.both.test servername=hostname"
KEY = f"3 1 1 {'ab' * 32}"


class World:
    """A resolver on this machine: (name, type) → values, and what of that DNSSEC vouches for."""

    def __init__(self):
        self.values, self.aliases, self.plain, self.failing = {}, {}, set(), set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def dane(self):
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], self.socket.getsockname()[1]
        resolver.flags = dns.flags.RD | dns.flags.AD
        return Dane(resolver)

    def _serve(self):
        while True:
            try:
                octets, client = self.socket.recvfrom(4096)
            except OSError:
                return
            self.socket.sendto(self._answer(dns.message.from_wire(octets)).to_wire(), client)

    def _answer(self, query):
        (asked,) = query.question
        key = str(asked.name).rstrip("."), dns.rdatatype.to_text(asked.rdtype)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA | (0 if key in self.plain else dns.flags.AD)
        if key in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif key in self.aliases:
            target = dns.name.from_text(self.aliases[key])
            found = dns.rrset.from_text_list(
                target, 60, "IN", key[1], self.values[self.aliases[key].rstrip("."), key[1]]
            )
            answer.answer = [dns.rrset.from_text(asked.name, 60, "IN", "CNAME", self.aliases[key]), found]
        elif key in self.values:
            answer.answer = [dns.rrset.from_text_list(asked.name, 60, "IN", key[1], self.values[key])]
        elif key[1] == "TLSA":
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


@pytest.fixture
def world():
    made = World()
    made.values = {
        ("both.test", "MX"): ["10 mx.both.test.", "20 mx2.both.test."],
        ("mx.both.test", "A"): ["192.0.2.1"],
        ("mx2.both.test", "A"): ["192.0.2.2"],
        ("_25._tcp.mx2.both.test", "TLSA"): [KEY],
        ("sts.test", "MX"): ["10 mx.sts.test."],
        ("mx.sts.test", "A"): ["192.0.2.3"],
    }
    yield made
    made.socket.close()


def covers(world, domain):
    return asyncio.run(world.dane().covers(domain))


def test_dane_covers_a_domain_if_one_of_its_hosts_has_a_usable_record(world):
    assert covers(world, "both.test")
    assert not covers(world, "sts.test")


@pytest.mark.parametrize("record", ["_25._tcp.mx2.both.test", "_25._tcp.mx.sts.test"])
def test_a_host_that_is_an_alias_may_have_its_record_at_either_name(world, record):
    world.aliases["mx.sts.test", "A"] = "mx2.both.test."
    world.values = {it: value for it, value in world.values.items() if it[1] != "TLSA"}

    assert not covers(world, "sts.test")

    world.values[record, "TLSA"] = [KEY]

    assert covers(world, "sts.test")


@pytest.mark.parametrize("spoken", [("both.test", "MX"), ("mx2.both.test", "A"), ("_25._tcp.mx2.both.test", "TLSA")])
def test_what_dnssec_does_not_vouch_for_is_no_dane(world, spoken):
    world.plain.add(spoken)
    assert not covers(world, "both.test")


@pytest.mark.parametrize("failing", [("both.test", "MX"), ("mx2.both.test", "A"), ("_25._tcp.mx2.both.test", "TLSA")])
def test_a_look_up_that_fails_is_no_no(world, failing):
    """Who suppresses answers would else choose the weaker proof."""
    world.failing.add(failing)
    with pytest.raises(NoAnswerError, match="both"):
        covers(world, "both.test")


@pytest.mark.parametrize("record", [f"0 0 1 {'ab' * 32}", f"1 1 1 {'ab' * 32}", f"3 1 9 {'ab' * 32}"])
def test_a_record_smtp_cannot_use_is_no_dane(world, record):
    world.values["_25._tcp.mx2.both.test", "TLSA"] = [record]
    assert not covers(world, "both.test")


def test_a_domain_without_mx_is_its_own_host_and_one_with_a_null_mx_has_none(world):
    world.values |= {
        ("own.test", "A"): ["192.0.2.4"],
        ("_25._tcp.own.test", "TLSA"): [KEY],
        ("null.test", "MX"): ["0 ."],
    }
    assert covers(world, "own.test")
    assert not covers(world, "null.test")


def asked(world, path, reply, *questions, everywhere=False):
    """What the gate says to these questions while the MTA-STS resolver at ``path`` replies so; None: nobody is there."""

    async def resolve(reader, writer):
        while await netstrings.read(reader) is not None:
            writer.write(reply)
            await writer.drain()
        writer.close()

    async def ask():
        gate = Gate(str(path), world.dane(), everywhere, seconds=2)
        if reply is None:
            return [await gate.answer(question) for question in questions]
        async with await asyncio.start_unix_server(resolve, path):
            return [await gate.answer(question) for question in questions]

    return asyncio.run(ask())


def test_dane_comes_before_mta_sts(world, tmp_path):
    reply = netstrings.encoded(STS)
    assert asked(world, tmp_path / "s", reply, "policy both.test", "policy sts.test") == ["OK dane-only", STS]


def test_where_nobody_asks_for_proof_postfix_decides_itself(world, tmp_path):
    reply = netstrings.encoded("NOTFOUND ")
    assert asked(world, tmp_path / "s", reply, "policy both.test", "policy sts.test") == ["NOTFOUND "] * 2
    (dane,) = asked(world, tmp_path / "s", reply, "policy both.test", everywhere=True)
    assert dane == "OK dane-only"


def test_nothing_is_asked_about_what_is_no_mail_domain(world, tmp_path):
    keys = ("[127.0.0.1]:10026", ".example.com", "[mx.example.com]", "example.com:2525", "localhost", "192.0.2.1", "")
    assert asked(world, tmp_path / "s", None, *(f"policy {key}" for key in keys)) == ["NOTFOUND "] * len(keys)


@pytest.mark.parametrize(
    "reply", [None, b"", b"nonsense", b"999999999:", b"3:abc!", b"9:OK encryp,", netstrings.encoded("TEMP busy"), netstrings.encoded("OK none")]
)  # fmt: skip
def test_while_the_resolver_does_not_answer_mail_waits(world, tmp_path, reply):
    (said,) = asked(world, tmp_path / "s", reply, "policy sts.test")
    assert said.startswith("TEMP the MTA-STS resolver does not answer: ")


def test_while_dns_fails_mail_to_a_domain_with_a_policy_waits(world, tmp_path):
    world.failing.add(("sts.test", "MX"))
    (said,) = asked(world, tmp_path / "s", netstrings.encoded(STS), "policy sts.test")
    assert said.startswith("TEMP DNS does not say whether sts.test has DANE: ")


@pytest.mark.parametrize(
    ("key", "name"),
    [("Example.COM.", "example.com"), ("bücher.example", "xn--bcher-kva.example"), ("a" * 64 + ".example", None), ("a..b", None)],
)  # fmt: skip
def test_names_are_asked_as_dns_has_them(key, name):
    assert ascii_name(key) == name


def test_a_client_that_speaks_something_else_is_turned_away_and_others_are_served(tmp_path):
    async def answer(question):
        return f"OK {question}"

    async def speak(octets):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "gate")
        writer.write(octets)
        writer.write_eof()
        return await reader.read()

    async def both():
        async with await asyncio.start_unix_server(lambda *streams: converse(answer, *streams), tmp_path / "gate"):
            return await speak(b"GET / HTTP/1.1\r\n\r\n"), await speak(b"8:policy a,8:policy b,")

    assert asyncio.run(both()) == (b"", b"11:OK policy a,11:OK policy b,")


def test_an_answer_holds_for_a_minute_and_that_there_is_none_is_asked_again():
    now, replies = [0.0], iter(["TEMP", "OK dane-only", "NOTFOUND "])

    async def answer(_question):
        return next(replies)

    memory = Memory(answer, lambda: now[0])
    heard = []
    for now[0] in (0.0, 1.0, SECONDS, SECONDS + 2):
        heard.append(asyncio.run(memory.answer("policy both.test")))

    assert heard == ["TEMP", "OK dane-only", "OK dane-only", "NOTFOUND "]
