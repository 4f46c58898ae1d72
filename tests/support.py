"""What several tests build on: inventory data as an operator writes it, fleets made from it, projects on disk."""

import copy
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from postwright.errors import InventoryError
from postwright.inventory import project_of
from postwright.keys.key import Key
from postwright.services.parts import Context, HostSecrets, SigningKey
from postwright.wire import HostData

GOLDEN = Path(__file__).parent / "golden"
PASSPHRASE = "a passphrase of good length"  # noqa: S105 - of tests

_MAIL_HOST = {
    "addresses": [("192.0.2.10", "mx1.example.com")],
    "tls": {"certificate": "tls.crt", "key": "tls.key"},
}
_MAIL_FLEET = {
    "postmaster": "ops@example.net",
    "domains": [{"name": "example.com"}],
    "zones": [{"name": "example.com", "provider": "ns1"}],
    "providers": {"ns1": {"server": "192.0.2.53", "key_name": "postwright", "secret": {"file": "tsig"}}},
    "keys": {"directory": "keys", "passphrase": {"file": "passphrase"}},
}


def mail_host(**changes):
    """mail_host data of a sound host, with changes."""
    return copy.deepcopy(_MAIL_HOST) | changes


def mail_fleet(**changes):
    """mail_fleet data of a sound fleet, with changes."""
    return copy.deepcopy(_MAIL_FLEET) | changes


def host_data(name="mx1", host=None, fleet=None, **data):
    """A host as pyinfra hands it over; ``data`` are pyinfra's own keys."""
    ours = {"mail_host": mail_host() if host is None else host, "mail_fleet": mail_fleet() if fleet is None else fleet}
    return HostData(name, {"ssh_hostname": "192.0.2.10", **data, **ours})


def another_host(name="mx2", fleet=None, **changes):
    """A second sound host beside that of ``host_data``."""
    host = {"addresses": [("192.0.2.20", f"{name}.example.com")], **changes}
    return host_data(name, mail_host(**host), fleet)


def write_files(base):
    """The files the data above names, valid as far as an inventory looks at them, and private."""
    for name in ("tls.crt", "tls.key", "tsig", "passphrase", "app.hash"):
        write_private(base / name, "x")


def write_private(path, text):
    """A file of mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(text)
    return path


def project(base, *hosts):
    """The project of these hosts, whose files are in ``base``."""
    write_files(base)
    return project_of(hosts or [host_data()], base / "inventory.py")


def problems(base, *hosts):
    """The problems these hosts are refused for; none if they make a fleet."""
    try:
        project(base, *hosts)
    except InventoryError as error:
        return list(error.problems)
    return []


def certificate(*names, start=-1, days=90):
    """A self-signed certificate for the names and its key, both PEM; valid from ``start`` days on."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    begin = datetime.now(UTC) + timedelta(days=start)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(), pem


def sound_project(base, *hosts):
    """A project whose files are all fit for use, not only there."""
    made = project(base, *hosts)
    names = [address.helo for host in made.fleet.hosts for address in host.addresses]
    chain, key = certificate(*names)
    write_private(base / "tls.crt", chain)
    write_private(base / "tls.key", key)
    write_private(base / "passphrase", PASSPHRASE + "\n")
    write_private(base / "app.hash", "$6$salt$digest\n")
    return made


def same_as_golden(path, text):
    """Compare with a golden file, or write it if POSTWRIGHT_UPDATE_GOLDEN is set."""
    golden = GOLDEN / path
    if os.environ.get("POSTWRIGHT_UPDATE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(text)
    return golden.is_file() and golden.read_bytes() == text


def full_fleet(base):
    """Hosts, domains and logins that use everything the inventory can say; the second host takes in no submission."""
    fleet = mail_fleet(
        domains=[
            {"name": "example.com", "aliases": {"dmarc": "reports@example.net", "postmaster": "pm@example.net", "*": "all@example.net"}},
            {"name": "news.example.com", "mx": "null", "dmarc": {"policy": "reject"}},
            {"name": "mx1.example.com", "aliases": {"Sales": "sales@example.net"}},
            {"name": "example.org", "mx": "keep", "hosts": ["mx1"]},
        ],
        zones=[{"name": name, "provider": "ns1"} for name in ("example.com", "example.org")],
        logins=[
            {"login": "shop@example.com", "password_hash": "app.hash", "senders": ["@example.com", "news@news.example.com"]},
            {"login": "crm", "password_hash": "app.hash", "senders": ["@example.com"]},
        ],
        resolver={"forward_to": ["192.0.2.53", "2001:db8::53"], "trust_anchors": [". 0 DS 1 13 2 ABCD"]},
        firewall={
            "ssh_ports": [22, 2222],
            "ssh_from": ["198.51.100.0/24", "198.51.100.0/25", "2001:db8:1::/48"],
            "extra_tcp": [9100, 587],
        },
        policies={"message_size": 52_428_800, "queue_lifetime": "3d", "bounce_lifetime": "1d", "time_servers": ["ntp.example.net"]},
    )  # fmt: skip
    addresses = [
        ("192.0.2.10", "mx1.example.com"),
        ("2001:db8::10", "mx1.example.com"),
        ("192.0.2.11", "mx1b.example.com"),
    ]
    first = mail_host(addresses=addresses, trusted_networks=["10.1.0.0/16", "2001:db8:2::/64"])
    hosts = host_data(host=first, fleet=fleet), another_host(fleet=fleet, roles=["mx"])
    return project(base, *hosts).fleet


def secrets_of(fleet, host):
    """Secrets for rendering that say what they are."""
    return HostSecrets(
        signing_keys=tuple(
            SigningKey(domain.name, "pw20261122", f"(private key of {domain.name})\n".encode())
            for domain in fleet.domains_of(host)
        ),
        certificate=b"(certificate)\n",
        private_key=b"(private TLS key)\n",
        password_hashes={login.login: "$6$salt$digest" for login in fleet.logins},
    )


def context(base, host="mx1", release="13"):
    """All that templates see of a host of the full fleet."""
    fleet = full_fleet(base)
    return Context(fleet, fleet.host(host), release, secrets_of(fleet, fleet.host(host)))


def signing_key(ring, domain, selector="pw20261122", state="active", algorithm="rsa", **changes):
    """A key in the keyring that hosts sign with, or in another state; returned as the keyring describes it."""
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    bits = 2048 if algorithm == "rsa" else 256
    history = dict.fromkeys(("generated", "published", "confirmed", state), moment)
    ring.create([(domain, Key(selector, state, algorithm, bits, "", history=history, **changes))], PASSPHRASE)
    return ring.keys(domain)[-1]
