"""The configuration `postwright` prints for a server, in a real server: it allows what we do, and nothing else.

These servers are started for this module alone, with nothing but the snippet and what stands around it at an operator's.
"""

import contextlib
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.query
import dns.tsig
import dns.update
import pytest
from provider.backends import powerdns, secret_file
from provider.backends import server as servers
from provider.backends.server import DnsOutsider, Place

from postwright.dns import publish
from postwright.dns.providers import snippets
from postwright.dns.providers.grants import grants
from postwright.errors import ProviderError
from postwright.keys.public import PublicKey
from postwright.model import Address, Dmarc, Domain, Fleet, Host, Keys, Rfc2136, SecretSource, Ssh, TlsFiles, Zone

SHOP, PARKED, REVERSE = "shop.test", "parked.test", "0.9.10.in-addr.arpa"
HEAD = "$TTL 3600\n@ SOA ns1.shop.test. h.shop.test. 1 3600 600 86400 60\n@ NS ns1.shop.test.\n"
FOREIGN = f'{HEAD}ns1 A 127.0.0.1\n@ TXT "theirs"\n@ A 192.0.2.1\nwww A 192.0.2.2\nwww TXT "theirs"\n'
ZONES = {SHOP: FOREIGN, PARKED: HEAD, REVERSE: f"{HEAD}9 PTR www.shop.test.\n"}
KEYS = [PublicKey(SHOP, "s1", "A" * 392)]


def made(port):
    """A fleet that uses nearly every kind of record."""
    return Fleet(
        hosts=[
            Host(
                name=f"mail{number}",
                ssh=Ssh(hostname="192.0.2.1"),
                tls=TlsFiles(certificate=Path("cert.pem"), key=Path("key.pem")),
                addresses=(Address(ip=f"10.9.0.{number}", helo=f"mail{number}.{SHOP}"),),
            )
            for number in (1, 2)
        ],
        domains=[Domain(name=SHOP, dmarc=Dmarc(policy="none"), tls_reports=(f"tls@{SHOP}",))],
        parked=(PARKED,),
        certificate_authorities=("ca.example",),
        zones=[Zone(name=name, provider="ns", ttl=300) for name in ZONES],
        providers={"ns": Rfc2136(server="127.0.0.1", port=port, key_name="writer", secret=SecretSource(file="tsig"))},
        keys=Keys(directory=Path("keys"), passphrase=SecretSource(env="UNUSED")),
        postmaster=f"postmaster@{SHOP}",
    )


def knot(place, config, zones):
    around = f"""server:
    rundir: "{place.directory}"
    listen: 127.0.0.1@{place.port}
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
"""
    file = place.directory / "knot.conf"
    snippet = "\n".join(snippets.knot(config, zones, patterns=knows_patterns()))
    file.write_text(
        around + snippet.replace("SECRET", place.writer).replace("# address: ADDRESS", "address: 127.0.0.1")
    )
    subprocess.run(["knotc", "-c", file, "conf-check"], check=True)
    return servers.launch(["knotd", "-c", str(file)], "knot", place, SHOP), place.writer


def bind(place, config, zones):
    around = f"""options {{ directory "{place.directory}"; listen-on port {place.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  pid-file "{place.directory}/pid"; session-keyfile none; recursion no; dnssec-validation no; notify no; }};
controls {{ }};
"""
    file = place.directory / "named.conf"
    snippet = "\n".join(snippets.bind(config, zones)).replace("SECRET", place.writer)
    file.write_text(around + snippet.replace("/var/lib/bind/", f"{place.directory}/"))
    subprocess.run(["named-checkconf", "-z", file], check=True)
    return servers.launch(["named", "-f", "-4", "-n", "1", "-c", str(file)], "bind9", place, SHOP), place.writer


def power(place, config, zones):
    policy = place.directory / "postwright.lua"
    policy.write_text("\n".join(snippets.powerdns_policy(config, zones)))
    settings = "\n".join(snippets.powerdns()).replace("/etc/powerdns/postwright.lua", str(policy))
    (place.directory / "pdns.conf").write_text(powerdns.BASE.format(place=place) + settings)
    with closing(sqlite3.connect(place.directory / "pdns.sqlite")) as database:
        database.executescript(powerdns.SCHEMA.read_text())
        for zone, text in ZONES.items():
            powerdns.insert(database, zone, text)
        database.commit()
    printed = ""
    for line in snippets.powerdns_commands(config, zones):
        program, *arguments = line.replace("ADDRESS", "127.0.0.1").split()
        command = [program, f"--config-dir={place.directory}", *arguments]
        printed += subprocess.run(command, check=True, capture_output=True, text=True).stdout
    (secret,) = re.findall(r"^Create new TSIG key writer hmac-sha256 (\S+)$", printed, re.MULTILINE)
    return servers.launch(powerdns.command(place.directory), powerdns.PACKAGES, place, SHOP), secret


@dataclass(frozen=True)
class Granted:
    """A server with the snippet in force."""

    place: Place
    fleet: Fleet
    secret: str

    def outsider(self, zone=SHOP):
        return DnsOutsider(self.place.port, self.secret, zone)


def knows_patterns():
    """Knot of Debian 12 does not; the snippet says what to leave out there."""
    if not shutil.which("knotd"):
        return False
    printed = subprocess.run(["knotd", "--version"], check=True, capture_output=True, text=True).stdout
    return tuple(map(int, re.findall(r"\d+", printed)))[:2] >= (3, 4)


KINDS = ["knot", "bind", "powerdns"]
BY_NAME = KINDS if knows_patterns() else ["bind", "powerdns"]


@pytest.fixture(params=KINDS)
def granted(request, tmp_path):
    place = Place(tmp_path)
    for zone, text in ZONES.items():
        (tmp_path / f"{zone}.zone").write_text(text)
    fleet = made(place.port)
    config, zones = fleet.providers["ns"], grants(fleet, KEYS, "ns")
    start = {"knot": knot, "bind": bind, "powerdns": power}[request.param]
    process, secret = start(place, config, zones)
    secret_file(tmp_path, "tsig", secret)
    yield Granted(place, fleet, secret)
    servers.stop(process)


def apply(granted, fleet, keys):
    project, book = granted.place.directory, granted.place.directory / "ledger"
    plan = publish.plan(fleet, keys, project, book)
    publish.apply_additive(plan, fleet, project, book)
    publish.apply_subtractive(plan, fleet, project, book)
    assert publish.plan(fleet, keys, project, book).is_empty


def changed(granted, zone, name, rdtype, fill):
    """Whether an update signed with our key changed what is there; the answer alone proves nothing."""
    outsider = granted.outsider(zone)
    before = outsider.values(name, rdtype)
    update = dns.update.UpdateMessage(f"{zone}.", keyring=dns.tsig.Key("writer.", granted.secret, "hmac-sha256."))
    fill(update)
    # How Knot says that no rule covers it: 3.2 with BADKEY, 3.4 without a signature.
    with contextlib.suppress(dns.tsig.PeerBadKey, dns.exception.FormError):
        dns.query.tcp(update, "127.0.0.1", port=granted.place.port, timeout=10)
    return outsider.values(name, rdtype) != before


def test_everything_of_ours_can_be_written_changed_and_removed(granted):
    fleet = granted.fleet
    apply(granted, fleet, KEYS)
    assert "theirs" in granted.outsider().texts(SHOP)
    assert granted.outsider(PARKED).texts(f"any._domainkey.{PARKED}") == {"v=DKIM1; p="}
    apply(granted, fleet, [PublicKey(SHOP, "s2", "B" * 392)])  # a selector the snippet was not printed for
    assert granted.outsider().values(f"s2._domainkey.{SHOP}", "TXT")
    apply(granted, fleet.model_copy(update={"hosts": (), "domains": (), "parked": ()}), [])
    assert granted.outsider().texts(SHOP) == {"theirs"}


@pytest.mark.parametrize("granted", BY_NAME, indirect=True)
def test_a_record_that_is_not_granted_stops_the_apply(granted):
    """A host was added and the server's configuration was not. PowerDNS drops it and says NOERROR: reading back shows it."""
    apply(granted, granted.fleet, KEYS)
    more = granted.fleet.hosts[0].model_copy(
        update={"name": "mail3", "addresses": (Address(ip="10.9.0.3", helo=f"mail3.{SHOP}"),)}
    )
    fleet = granted.fleet.model_copy(update={"hosts": (*granted.fleet.hosts, more)})
    words = (
        r"answers otherwise than was written|policy lets the TSIG key writer not|TSIG key writer, .*grants it nothing"
    )
    with pytest.raises(ProviderError, match=words):
        apply(granted, fleet, KEYS)
    assert not granted.outsider().values(f"mail3.{SHOP}", "A")


NAMES = [
    (SHOP, f"www.{SHOP}", "A", "192.0.2.66"),
    (SHOP, f"www.{SHOP}", "TXT", '"v=spf1 +all"'),
    (SHOP, f"new.{SHOP}", "TXT", '"x"'),
    (SHOP, f"_domainkey.x.{SHOP}", "TXT", '"x"'),
    (REVERSE, f"9.{REVERSE}", "PTR", "evil.test."),
]
TYPES = [
    (SHOP, SHOP, "NS", "ns.evil.test."),
    (SHOP, f"x.{SHOP}", "SRV", "0 0 1 evil.test."),
    (SHOP, f"y.{SHOP}", "CNAME", "evil.test."),
    (SHOP, f"child.{SHOP}", "NS", "ns.evil.test."),
    (REVERSE, f"1.{REVERSE}", "TXT", '"x"'),
    (PARKED, PARKED, "A", "192.0.2.66"),
]


def test_foreign_types_cannot_be_written(granted):
    """Where ours may be written, a key that was stolen must not take the zone."""
    for zone, name, rdtype, value in TYPES:
        assert not changed(granted, zone, name, rdtype, lambda update: update.add(f"{name}.", 60, rdtype, value)), name  # noqa: B023


@pytest.mark.parametrize("granted", BY_NAME, indirect=True)
def test_foreign_names_can_neither_be_written_nor_removed(granted):
    """Knot before 3.4 cannot do this, and what is printed says so."""
    for zone, name, rdtype, value in NAMES:
        assert not changed(granted, zone, name, rdtype, lambda update: update.add(f"{name}.", 60, rdtype, value)), name  # noqa: B023
        assert not changed(granted, zone, name, rdtype, lambda update: update.delete(f"{name}.", rdtype)), name  # noqa: B023
    assert granted.outsider().values(f"www.{SHOP}", "A") == {"192.0.2.2"}
