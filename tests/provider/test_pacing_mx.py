"""Domains are classed by what a real name server says of their MX hosts, and by nothing else."""

import asyncio
import socket
import time
from contextlib import asynccontextmanager

import dns.asyncresolver
import pytest
from provider.backends.server import Place, launch, stop

from postwright.pacing import mx
from postwright.pacing.mx import Exchangers, Recipient, ascii_domain
from postwright.pacing.providers import PROVIDERS

_KNOT = """
server:
    rundir: "{place.directory}"
    listen: 127.0.0.1@{place.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: "{place.log}"
    any: info
database:
    storage: "{place.directory}"
template:
  - id: default
    storage: "{place.directory}"
    zonefile-sync: -1
    file: "%s.zone"
zone:
  - domain: .
    file: "root.zone"
"""
_ROOT = """
$ORIGIN .
$TTL 300
@ SOA ns. hostmaster. 1 3600 600 86400 120
@ NS ns.
ns A 127.0.0.1
workspace.test MX 1 ASPMX.L.Google.com.
workspace.test MX 5 alt1.aspmx.l.google.com.
aspmx.l.google.com A 192.0.2.26
alt1.aspmx.l.google.com AAAA 2001:db8::26
mixed.test MX 1 aspmx.l.google.com.
mixed.test MX 9 backup.mixed.test.
backup.mixed.test A 192.0.2.9
m365.test MX 0 m365-test.mail.protection.outlook.com.
m365-test.mail.protection.outlook.com A 192.0.2.36
alias.test CNAME workspace.test.
null.test MX 0 .
onlyweb.test A 192.0.2.80
onlytext.test TXT "no host"
google.com A 192.0.2.5
xn--tlt-sna.test MX 1 aspmx.l.google.com.
xn--strae-oqa.test MX 1 m365-test.mail.protection.outlook.com.
short.test 1 MX 1 aspmx.l.google.com.
long.test 900000 MX 1 aspmx.l.google.com.
$ORIGIN many.test.
""" + "".join(f"d{number} MX 1 aspmx.l.google.com.\n" for number in range(300))


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A Knot that serves the root, and with it the domains of this module."""
    place = Place(tmp_path_factory.mktemp("knot"))
    (place.directory / "root.zone").write_text(_ROOT)
    configuration = place.directory / "knot.conf"
    configuration.write_text(_KNOT.format(place=place))
    process = launch(["knotd", "-c", str(configuration)], "knot", place, first_zone="")
    yield place.port
    stop(process)


@pytest.fixture
def silent():
    """A port at which nobody answers."""
    with socket.socket(type=socket.SOCK_DGRAM) as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


class Relay(asyncio.DatagramProtocol):
    """Between resolver and name server: counts the questions, and drops them as long as it is ``cut``."""

    def __init__(self, port):
        self.port, self.count, self.cut = port, 0, False

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, sender):
        self.count += 1
        if not self.cut:
            task = asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Back(self.transport, sender, data), remote_addr=("127.0.0.1", self.port)
            )
            self.last = asyncio.ensure_future(task)


class _Back(asyncio.DatagramProtocol):
    def __init__(self, to, sender, question):
        self.to, self.sender, self.question = to, sender, question

    def connection_made(self, transport):
        self.transport = transport
        transport.sendto(self.question)

    def datagram_received(self, data, _):
        self.to.sendto(data, self.sender)
        self.transport.close()


@asynccontextmanager
async def relay(port):
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Relay(port), local_addr=("127.0.0.1", 0)
    )
    yield made, transport.get_extra_info("sockname")[1]
    transport.close()


def exchangers(port, **options):
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port
    return Exchangers(PROVIDERS, resolver, **options)


def class_of(port, domain, **options):
    return asyncio.run(exchangers(port, **options).class_of(domain))


@pytest.mark.parametrize(
    ("domain", "provider"),
    [
        ("workspace.test", "google"),
        ("WorkSpace.TEST.", "google"),
        ("m365.test", "microsoft365"),
        ("alias.test", "google"),
        ("mixed.test", "other"),
        ("null.test", "other"),
        ("onlyweb.test", "other"),
        ("google.com", "google"),
        ("onlytext.test", "other"),
        ("nowhere.test", "other"),
        ("tölt.test", "google"),
        ("TÖLT\u3002test", "google"),
        ("xn--tlt-sna.test", "google"),
        ("straße.test", "microsoft365"),
    ],
)
def test_a_domain_is_classed_by_all_its_mx_hosts_or_by_itself_if_it_has_none(port, domain, provider):
    assert class_of(port, domain).provider == provider


@pytest.mark.parametrize(
    "domain",
    ["", ".", "a..b", ".test", "[192.0.2.1]", "[IPv6:2001:db8::1]", "a b.test", "a" * 64 + ".test", "a." * 127 + "bc", "x" * 10**6,
     "-a.test", "a@b", "a\0.test", "\udcff.test", "a\N{REPLACEMENT CHARACTER}.test", "ö" * 60 + ".test", "a/b.test", "℀.test"],
)  # fmt: skip
def test_what_is_no_domain_is_other_and_nobody_is_asked(domain, silent):
    assert ascii_domain(domain) is None
    assert class_of(silent, domain) == Recipient("other")


@pytest.mark.parametrize(
    ("domain", "versions"),
    [("workspace.test", {4, 6}), ("m365.test", {4}), ("onlyweb.test", {4}), ("null.test", set()), ("long.test", {4})],
)
def test_the_ip_versions_of_the_mx_hosts_are_told_if_wanted(port, domain, versions):
    assert class_of(port, domain, versions=True).versions == versions


def test_a_domain_whose_name_server_does_not_answer_is_unknown_and_asked_again_within_a_minute(silent):
    async def ask():
        wanted = exchangers(silent)
        answers = await asyncio.gather(*(wanted.class_of(f"d{number}.test") for number in range(200)))
        return set(answers), max(kept.until for kept in wanted._cache.values()), time.monotonic()

    answers, until, ended = asyncio.run(ask())

    assert answers == {Recipient("unknown")}
    assert ended < until <= ended + 60


def test_no_resolver_at_all_is_a_failure_as_any_other(monkeypatch):
    monkeypatch.setattr("dns.asyncresolver.Resolver.read_resolv_conf", lambda *_: 1 / 0)

    assert asyncio.run(Exchangers(PROVIDERS).class_of("workspace.test")) == Recipient("unknown")


def test_one_domain_asked_a_thousand_times_at_once_and_again_is_one_query(port):
    async def ask():
        async with relay(port) as (counted, through):
            wanted = exchangers(through)
            first = set(await asyncio.gather(*(wanted.class_of("workspace.test") for _ in range(1000))))
            again = await wanted.class_of("WORKSPACE.test.")
            return first | {again}, counted.count

    assert asyncio.run(ask()) == ({Recipient("google")}, 1)


def test_one_that_gives_up_waiting_does_not_take_the_answer_from_the_others(port):
    async def ask():
        wanted = exchangers(port)
        hasty = asyncio.create_task(wanted.class_of("workspace.test"))
        patient = asyncio.create_task(wanted.class_of("workspace.test"))
        await asyncio.sleep(0)
        hasty.cancel()
        return await patient, hasty.cancelled()

    assert asyncio.run(ask()) == (Recipient("google"), True)


@pytest.mark.parametrize(
    ("domain", "seconds"), [("workspace.test", 300), ("short.test", 60), ("long.test", 86400), ("nowhere.test", 120), ("onlytext.test", 120)]
)  # fmt: skip
def test_an_answer_is_kept_for_its_ttl_but_a_minute_at_least_and_a_day_at_most(port, domain, seconds):
    async def ask():
        wanted, began = exchangers(port), time.monotonic()
        await wanted.class_of(domain)
        return began, wanted._cache[domain].until, time.monotonic()

    began, until, ended = asyncio.run(ask())

    assert began + seconds <= until <= ended + seconds


def test_a_domain_that_was_known_keeps_its_class_for_a_day_while_dns_fails(port, monkeypatch):
    async def ask():
        async with relay(port) as (cut, through):
            wanted = exchangers(through)
            await wanted.class_of("workspace.test")
            cut.cut = True
            outcome = []
            for hours in (1, 26):
                kept = wanted._cache["workspace.test"]
                wanted._cache["workspace.test"] = kept._replace(until=0, known=time.monotonic() - hours * 3600)
                outcome.append(await wanted.class_of("workspace.test"))
            return outcome

    monkeypatch.setattr(mx, "_SECONDS", 0.2)

    assert asyncio.run(ask()) == [Recipient("google"), Recipient("unknown")]


def test_only_so_many_domains_are_kept_and_those_in_use_stay(port):
    async def ask():
        async with relay(port) as (counted, through):
            wanted = exchangers(through, limit=100)
            for number in range(300):
                await wanted.class_of(f"d{number}.many.test")
                await wanted.class_of("d0.many.test")
            return len(wanted._cache), counted.count, len(wanted._asked)

    assert asyncio.run(ask()) == (100, 300, 0)
