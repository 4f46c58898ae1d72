"""Real name servers for the contract tests: Knot and BIND, started here on a free port of 127.0.0.1, ended by their pid.

Promise: every test gets a zone of its own on a server that runs for the whole session. ``outsider`` is everybody else who
writes to that zone: it shares no code with postwright, so what it sees is what is there.
"""

import contextlib
import secrets
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update
import pytest
from dns.rdtypes.ANY.TXT import TXT

from postwright.dns import publish
from postwright.dns.plan import DnsPlan
from postwright.keys.public import PublicKey
from postwright.model import Address, Dmarc, Domain, Fleet, Host, Keys, Rfc2136, SecretSource, Ssh, TlsFiles, Zone

SLOTS = 60  # zones each server has; a test takes one
START_SECONDS = 10
APT = {"knot": "apt-get install knot", "bind": "apt-get install bind9"}
PROGRAM = {"knot": "knotd", "bind": "named"}


@dataclass
class Server:
    """A running name server. ``key`` may update every zone, ``reader`` none."""

    kind: str
    port: int
    key: str
    reader: str
    slots: Iterator[int] = field(default_factory=lambda: count(1))


def zones_of(slot: int) -> tuple[str, str]:
    return f"t{slot}.example", f"0.{slot}.10.in-addr.arpa"


ZONE = """$TTL 3600
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1.t{slot}.example.
"""
KNOT = """
server:
    rundir: "{dir}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 4
    background-workers: 2
log:
  - target: "{dir}/log"
    any: info
database:
    storage: "{dir}"
key:
  - id: writer
    algorithm: hmac-sha256
    secret: {key}
  - id: reader
    algorithm: hmac-sha256
    secret: {reader}
acl:
  - id: update
    action: update
    key: writer
template:
  - id: default
    storage: "{dir}"
    acl: update
    zonefile-sync: -1
    file: "%s.zone"
zone:
{zones}
"""
BIND = """
options {{ directory "{dir}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; pid-file "{dir}/pid";
  session-keyfile none; recursion no; dnssec-validation no; allow-query {{ any; }}; notify no; }};
logging {{ channel file {{ file "{dir}/log"; severity info; }}; category default {{ file; }}; }};
controls {{ }};
key writer {{ algorithm hmac-sha256; secret "{key}"; }};
key reader {{ algorithm hmac-sha256; secret "{reader}"; }};
{zones}
"""


def free_port() -> int:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", tcp.getsockname()[1]))
        return tcp.getsockname()[1]


def configure(server: Server, directory: Path) -> list[str]:
    """Write zones and configuration; the command line that serves them in the foreground."""
    names = []
    for slot in range(1, SLOTS + 1):
        for zone in zones_of(slot):
            glue = "ns1 A 127.0.0.1\nchild NS ns1.child\nns1.child A 127.0.0.1\n" if zone.endswith("example") else ""
            (directory / f"{zone}.zone").write_text(ZONE.format(slot=slot) + glue)
            names.append(zone)
    if server.kind == "knot":
        template, zones = KNOT, "\n".join(f"  - domain: {zone}" for zone in names)
    else:
        one = 'zone "{0}" {{ type primary; file "{0}.zone"; allow-update {{ key writer; }}; }};'
        template, zones = BIND, "\n".join(one.format(zone) for zone in names)
    file = directory / "server.conf"
    file.write_text(template.format(dir=directory, port=server.port, key=server.key, reader=server.reader, zones=zones))
    return ["knotd", "-c", str(file)] if server.kind == "knot" else ["named", "-f", "-4", "-n", "1", "-c", str(file)]


def await_answer(server: Server, process: subprocess.Popen[bytes], directory: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, EOFError, dns.exception.DNSException):
            query = dns.message.make_query(zones_of(SLOTS)[1] + ".", "SOA")
            if dns.query.tcp(query, "127.0.0.1", port=server.port, timeout=0.5).rcode() == dns.rcode.NOERROR:
                return
        time.sleep(0.02)
    log = directory / "log"
    pytest.fail(f"{server.kind} did not start: {log.read_text() if log.exists() else process.stderr.read()}")


@pytest.fixture(scope="session", params=["knot", "bind"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    kind = request.param
    if shutil.which(PROGRAM[kind]) is None:
        pytest.fail(f"{PROGRAM[kind]} is missing; run: {APT[kind]}")
    directory = tmp_path_factory.mktemp(kind)
    key, reader = (b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    server = Server(kind, free_port(), key, reader)
    process = subprocess.Popen(configure(server, directory), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        await_answer(server, process, directory)
        yield server
    finally:
        process.terminate()
        process.wait(START_SECONDS)


@dataclass(frozen=True)
class Outsider:
    """Everybody else with access to the zone; speaks to the server with dnspython alone."""

    server: Server
    zone: str

    def txt(self, name: str, *values: tuple[bytes, ...], ttl: int = 777) -> None:
        """Add TXT values, each a tuple of raw strings."""
        rdatas = [TXT(dns.rdataclass.IN, dns.rdatatype.TXT, value) for value in values]
        self._update(lambda update: update.add(f"{name}.", ttl, *rdatas))

    def add(self, name: str, rdtype: str, value: str, ttl: int = 777) -> None:
        self._update(lambda update: update.add(f"{name}.", ttl, rdtype, value))

    def delete(self, name: str, rdtype: str, *value: str) -> None:
        self._update(lambda update: update.delete(f"{name}.", rdtype, *value))

    def _update(self, fill) -> None:
        update = dns.update.UpdateMessage(
            f"{self.zone}.", keyring=dns.tsig.Key("writer.", self.server.key, "hmac-sha256.")
        )
        fill(update)
        assert dns.query.tcp(update, "127.0.0.1", port=self.server.port, timeout=5).rcode() == dns.rcode.NOERROR

    def _answer(self, name: str, rdtype: str):
        query = dns.message.make_query(f"{name}.", rdtype)
        found = dns.query.tcp(query, "127.0.0.1", port=self.server.port, timeout=5).answer
        return found[0] if found and found[0].rdtype == dns.rdatatype.from_text(rdtype) else []

    def strings(self, name: str) -> set[tuple[bytes, ...]]:
        """The TXT values as they are on the wire."""
        return {rdata.strings for rdata in self._answer(name, "TXT")}

    def texts(self, name: str) -> set[str]:
        """The TXT values as a receiver joins them."""
        return {b"".join(strings).decode("latin-1") for strings in self.strings(name)}

    def values(self, name: str, rdtype: str) -> set[str]:
        return {rdata.to_text() for rdata in self._answer(name, rdtype)}

    def ttl(self, name: str, rdtype: str) -> int:
        return self._answer(name, rdtype).ttl


@dataclass(frozen=True)
class World:
    """A zone, its reverse zone, a project directory, and an operator who runs postwright on them."""

    server: Server
    slot: int
    project: Path

    @property
    def zone(self) -> str:
        return zones_of(self.slot)[0]

    @property
    def reverse(self) -> str:
        return zones_of(self.slot)[1]

    @property
    def ledger(self) -> Path:
        return self.project / "ledger"

    @property
    def outsider(self) -> Outsider:
        return Outsider(self.server, self.zone)

    def ip(self, number: int) -> str:
        return f"10.{self.slot}.0.{number}"

    def key(self, selector: str = "s1", domain: str | None = None, size: int = 392) -> PublicKey:
        return PublicKey(domain or self.zone, selector, (selector * size)[:size])

    def provider(self, **changes) -> Rfc2136:
        file = self.project / "tsig"
        file.write_text(changes.pop("text", self.server.key) + "\n")
        file.chmod(0o600)
        given = {"server": "127.0.0.1", "port": self.server.port, "key_name": "writer"} | changes
        return Rfc2136(secret=SecretSource(file=Path("tsig")), **given)

    def fleet(
        self, *, numbers=(1,), names=None, mx="hosts", spf_all="~all", policy="none", ttl=300, zones=None, provider=None
    ) -> Fleet:
        """Hosts mail<n>.<zone> at 10.<slot>.0.<n>, the domains in ``names`` (None: the zone itself) and no reverse zone."""
        domains = [
            Domain(name=name, mx=mx, spf_all=spf_all, dmarc=Dmarc(policy=policy))
            for name in ([self.zone] if names is None else names)
        ]
        tls = TlsFiles(certificate=Path("cert.pem"), key=Path("key.pem"))
        hosts = [
            Host(
                name=f"mail{number}",
                ssh=Ssh(hostname="192.0.2.1"),
                tls=tls,
                addresses=(Address(ip=self.ip(number), helo=f"mail{number}.{self.zone}"),),
            )
            for number in numbers
        ]
        return Fleet(
            hosts=hosts,
            domains=domains,
            zones=[Zone(name=name, provider="ns", ttl=ttl) for name in (zones or [self.zone])],
            providers={"ns": provider or self.provider()},
            keys=Keys(directory=Path("keys"), passphrase=SecretSource(env="UNUSED")),
            postmaster=f"postmaster@{self.zone}",
        )

    def plan(self, fleet: Fleet, keys=None, **options) -> DnsPlan:
        keys = [self.key()] if keys is None else keys
        return publish.plan(fleet, keys, self.project, self.ledger, **options)

    def additive(self, plan: DnsPlan, fleet: Fleet) -> tuple[str, ...]:
        return publish.apply_additive(plan, fleet, self.project, self.ledger)

    def subtractive(self, plan: DnsPlan, fleet: Fleet) -> tuple[str, ...]:
        return publish.apply_subtractive(plan, fleet, self.project, self.ledger)

    def apply(self, fleet: Fleet, keys=None, **options) -> DnsPlan:
        """Plan and both steps; afterwards a second plan must be empty, whatever the test is about."""
        plan = self.plan(fleet, keys, **options)
        self.additive(plan, fleet)
        self.subtractive(plan, fleet)
        assert self.plan(fleet, keys).is_empty
        return plan


@pytest.fixture
def world(server: Server, tmp_path: Path) -> World:
    return World(server, next(server.slots), tmp_path)
