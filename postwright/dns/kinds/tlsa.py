"""The hosts' certificates in DNS, for senders that trust DNSSEC more than authorities (RFC 7672). Pure.

``3 1 1``: the host's own public key by its SHA-256, whatever the certificate around it says (RFC 7672 §3.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postwright.dns.record import Record, made
from postwright.model import Fleet, Host

FORESEEN = "0" * 64  # stands in a plan for the digest of a key that the apply is to make; it is never published


def name(host: Host) -> str:
    """Where senders look a host's certificate up: below the name MX records lead to."""
    return f"_25._tcp.{host.fqdn}"


def record(digest: str) -> str:
    """The rdata for the SHA-256, in hexadecimal, of a DER SubjectPublicKeyInfo."""
    return f"3 1 1 {digest}"


def records(fleet: Fleet, digests: Mapping[str, str]) -> Iterator[Record]:
    """A record for each host with the role mx whose digest is known; none if the fleet wants none.

    While a key is replaced old and new stand side by side, so that no sender finds a certificate without its record.
    """
    for host in fleet.hosts if fleet.tlsa else ():
        if "mx" in host.roles and host.name in digests:
            yield made(fleet, name(host), "TLSA", record(digests[host.name]))
