"""What Knot, BIND and PowerDNS have in common: a process, a TSIG key that may write and one that may only read."""

import contextlib
import secrets
import shutil
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update
import pytest
from dns.rdtypes.ANY.TXT import TXT
from provider.backends import SLOTS, START_SECONDS, free_port, secret_file, zones_of

from postwright.model import Rfc2136, SecretSource


def _secret() -> str:
    return b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True)
class Place:
    """Where a server is to run, and the two keys it shall know: ``writer`` may update every zone, ``reader`` none."""

    directory: Path
    port: int = field(default_factory=free_port)
    writer: str = field(default_factory=_secret)
    reader: str = field(default_factory=_secret)

    @property
    def log(self) -> Path:
        return self.directory / "log"


def launch(
    command: Sequence[str], package: str, place: Place, first_zone: str = zones_of(SLOTS)[1]
) -> subprocess.Popen:
    """Start a server in the foreground and return once it answers for its last zone."""
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} is missing; run: apt-get install --no-install-recommends {package}")
    with place.log.open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, EOFError, dns.exception.DNSException):
            query = dns.message.make_query(f"{first_zone}.", "SOA")
            if dns.query.tcp(query, "127.0.0.1", port=place.port, timeout=0.5).rcode() == dns.rcode.NOERROR:
                return process
        time.sleep(0.02)
    stop(process)
    pytest.fail(f"{command[0]} did not start: {place.log.read_text()}")


def stop(process: subprocess.Popen) -> None:
    """End a process started here."""
    process.terminate()
    try:
        process.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(START_SECONDS)


@dataclass(frozen=True)
class DnsOutsider:
    """Writes and reads over DNS with dnspython alone."""

    port: int
    key: str = field(repr=False)
    zone: str

    def txt(self, name: str, *values: tuple[bytes, ...], ttl: int = 777) -> None:
        rdatas = [TXT(dns.rdataclass.IN, dns.rdatatype.TXT, value) for value in values]
        self._update(lambda update: update.add(f"{name}.", ttl, *rdatas))

    def add(self, name: str, rdtype: str, value: str, ttl: int = 777) -> None:
        self._update(lambda update: update.add(f"{name}.", ttl, rdtype, value))

    def delete(self, name: str, rdtype: str, *value: str) -> None:
        self._update(lambda update: update.delete(f"{name}.", rdtype, *value))

    def strings(self, name: str) -> set[tuple[bytes, ...]]:
        return {rdata.strings for rdata in self._answer(name, "TXT")}

    def texts(self, name: str) -> set[str]:
        return {b"".join(strings).decode("latin-1") for strings in self.strings(name)}

    def values(self, name: str, rdtype: str) -> set[str]:
        return {rdata.to_text() for rdata in self._answer(name, rdtype)}

    def ttl(self, name: str, rdtype: str) -> int:
        return self._answer(name, rdtype).ttl

    def _update(self, fill: Callable[[dns.update.UpdateMessage], None]) -> None:
        update = dns.update.UpdateMessage(f"{self.zone}.", keyring=dns.tsig.Key("writer.", self.key, "hmac-sha256."))
        fill(update)
        code = dns.query.tcp(update, "127.0.0.1", port=self.port, timeout=10).rcode()
        assert code == dns.rcode.NOERROR, dns.rcode.to_text(code)

    def _answer(self, name: str, rdtype: str):
        query = dns.message.make_query(f"{name}.", rdtype)
        found = dns.query.tcp(query, "127.0.0.1", port=self.port, timeout=10).answer
        return found[0] if found and found[0].rdtype == dns.rdatatype.from_text(rdtype) else []


@dataclass
class DnsBackend:
    """A running name server that takes signed updates."""

    kind: str
    place: Place
    process: subprocess.Popen

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.place.writer, self.place.reader

    @property
    def endpoint(self) -> tuple[str, int]:
        return "127.0.0.1", self.place.port

    def stop(self) -> None:
        stop(self.process)

    def zones(self, slot: int) -> tuple[str, str]:
        return zones_of(slot)

    def provider(self, project: Path, **changes: Any) -> Rfc2136:
        """``key_name="reader"`` takes the other key's secret along."""
        reader = changes.get("key_name") == "reader"
        text = changes.pop("text", self.place.reader if reader else self.place.writer)
        given = {"server": "127.0.0.1", "port": changes.pop("through", self.place.port), "key_name": "writer"} | changes
        return Rfc2136(secret=SecretSource(file=secret_file(project, "tsig", text)), **given)

    def zone_fields(self, _zone: str) -> dict[str, Any]:
        return {}

    def outsider(self, zone: str) -> DnsOutsider:
        return DnsOutsider(self.place.port, self.place.writer, zone)

    def settle(self, project: Path) -> None:
        """Nothing is left to a person."""
