"""PowerDNS with a SQLite database, and its HTTP API beside it.

Caches and limits are as Debian has them: what an operator meets is what is tested. The database is filled before the start,
as ``pdnsutil load-zone``, ``import-tsig-key`` and ``set-meta`` would do it, only in one transaction.
"""

import secrets
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import dns.rdatatype
import dns.zone
from provider.backends import free_port, zone_texts
from provider.backends import server as servers
from provider.backends.server import DnsBackend, Place

PACKAGES = "pdns-server pdns-backend-sqlite3"
SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
BASE = """
launch=gsqlite3
gsqlite3-database={place.directory}/pdns.sqlite
gsqlite3-pragma-synchronous=0
socket-dir={place.directory}
local-address=127.0.0.1
local-port={place.port}
loglevel=5
security-poll-suffix=
"""
_CONFIGURATION = """
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
api=yes
api-key={api_key}
webserver=yes
webserver-address=127.0.0.1
webserver-port={api_port}
webserver-allow-from=127.0.0.0/8
"""
_PRIORITY = frozenset({"MX", "SRV"})


@dataclass(frozen=True)
class PowerDns:
    """A running server; ``place`` has its DNS port, both TSIG keys and the log."""

    place: Place
    api_port: int
    api_key: str = field(repr=False)
    process: subprocess.Popen = field(repr=False)

    def stop(self) -> None:
        """End it."""
        servers.stop(self.process)


def start(directory: Path) -> DnsBackend:
    """The provider contract's backend over RFC 2136."""
    running = launch(directory)
    return DnsBackend("powerdns", running.place, running.process)


def launch(directory: Path, settings: str = "") -> PowerDns:
    """A server with every slot's zones, DNS updates for the key ``writer`` and the API; ``settings`` are further lines."""
    place, api_port, api_key = Place(directory), free_port(), secrets.token_hex(16)
    configuration = (BASE + _CONFIGURATION).format(place=place, api_port=api_port, api_key=api_key)
    (directory / "pdns.conf").write_text(configuration + settings)
    with closing(sqlite3.connect(directory / "pdns.sqlite")) as database:
        database.executescript(SCHEMA.read_text())
        for name, secret in (("writer", place.writer), ("reader", place.reader)):
            database.execute(
                "INSERT INTO tsigkeys (name, algorithm, secret) VALUES (?, 'hmac-sha256', ?)", (name, secret)
            )
        for zone, text in zone_texts():
            insert(database, zone, text, "writer")
        database.commit()
    return PowerDns(place, api_port, api_key, servers.launch(command(directory), PACKAGES, place))


def command(directory: Path) -> list[str]:
    """The command line that serves in the foreground what pdns.conf in ``directory`` says."""
    return ["pdns_server", f"--config-dir={directory}", "--daemon=no", "--guardian=no", "--write-pid=no"]


def insert(database: sqlite3.Connection, zone: str, text: str, key: str = "") -> None:
    """A zone file as a native zone; one that takes updates signed with ``key``, if that is given."""
    identity = database.execute("INSERT INTO domains (name, type) VALUES (?, 'NATIVE')", (zone,)).lastrowid
    if key:
        metadata = "INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, 'TSIG-ALLOW-DNSUPDATE', ?)"
        database.execute(metadata, (identity, key))
    for name, ttl, rdata in dns.zone.from_text(text, f"{zone}.", relativize=False).iterate_rdatas():
        rdtype, content = dns.rdatatype.to_text(rdata.rdtype), rdata.to_text()
        priority = 0
        if rdtype in _PRIORITY:
            first, content = content.split(" ", 1)
            priority = int(first)
        values = (identity, name.to_text(omit_final_dot=True), rdtype, _stored(rdtype, content), ttl, priority)
        database.execute(
            "INSERT INTO records (domain_id, name, type, content, ttl, prio, auth) VALUES (?, ?, ?, ?, ?, ?, 1)", values
        )


def _stored(rdtype: str, content: str) -> str:
    """The database has names without their final dot."""
    return content if rdtype == "TXT" else " ".join(word.removesuffix(".") for word in content.split())
