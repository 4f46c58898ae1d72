"""The zones of the lab's name server as they stand before anyone updates them.

Promise: pure. Only what the lab itself is made of: delegations, the name server, the receiver. All that belongs to the
operator's own domain arrives by update.
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.dnssec
import dns.dnssectypes
import dns.name
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from dns.rdtypes.ANY.DNSKEY import DNSKEY

from postwright.lab.certificates import tlsa_3_1_1
from postwright.lab.layout import ACME_NAME, LAST_BYTE, RECEIVER_NAME, RECEIVING_DOMAIN, SIGNED_ZONES, Layout

_KEY_SIGNING = 257
_ALGORITHM = dns.dnssec.ECDSAP256SHA256


@dataclass(frozen=True)
class Zone:
    """``records`` are lines of a zone file, beside SOA and NS."""

    name: str
    signed: bool
    records: tuple[str, ...] = ()


def zones(layout: Layout, zone_keys: dict[str, bytes], receiver_certificate: bytes) -> list[Zone]:
    """All zones; ``zone_keys`` are the PEM keys of the signed ones."""
    test, *children = SIGNED_ZONES
    delegations = [
        line for zone in children for line in (f"{zone}. NS ns.test.", f"{zone}. DS {ds(zone, zone_keys[zone])}")
    ]
    return [
        Zone(test, signed=True, records=(*_at_name_server(layout), *delegations)),
        *(Zone(child, signed=True) for child in children if child != RECEIVING_DOMAIN),
        Zone(RECEIVING_DOMAIN, signed=True, records=_receiver(layout, receiver_certificate)),
        *_reverse(layout),
    ]


def _at_name_server(layout: Layout) -> tuple[str, ...]:
    """The name server itself, and the ACME server that runs beside it."""
    v4, v6 = layout.addresses("ns")
    return tuple(f"{name}. {kind} {ip}" for name in ("ns.test", ACME_NAME) for kind, ip in (("A", v4), ("AAAA", v6)))


def _receiver(layout: Layout, certificate: bytes) -> tuple[str, ...]:
    v4, v6 = layout.addresses("receiver")
    name = f"{RECEIVER_NAME}."
    return (
        f"{RECEIVING_DOMAIN}. MX 10 {name}",
        f"{name} A {v4}",
        f"{name} AAAA {v6}",
        f"_25._tcp.{name} TLSA {tlsa_3_1_1(certificate)}",
    )


def _reverse(layout: Layout) -> list[Zone]:
    last = LAST_BYTE["receiver"]
    nibbles = ".".join(reversed(f"{last:0>16}"))
    return [
        Zone(layout.v4_reverse_zone, signed=False, records=(f"{last} PTR {RECEIVER_NAME}.",)),
        Zone(layout.v6_reverse_zone, signed=False, records=(f"{nibbles} PTR {RECEIVER_NAME}.",)),
    ]


def dnskey(pem: bytes) -> str:
    """The DNSKEY data of a zone's key."""
    return str(_dnskey(pem))


def ds(zone: str, pem: bytes) -> str:
    """The DS data its parent publishes for a zone."""
    return str(dns.dnssec.make_ds(dns.name.from_text(zone), _dnskey(pem), dns.dnssectypes.DSDigest.SHA256))


def trust_anchor(pem: bytes) -> str:
    """The one key from which all signed names of the lab are validated, as unbound's ``trust-anchor:`` takes it."""
    data = dnskey(pem).split(maxsplit=3)
    return f"test. IN DNSKEY {' '.join(data[:3])} {data[3].replace(' ', '')}"


def _dnskey(pem: bytes) -> DNSKEY:
    private = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise TypeError("zone keys are P-256 keys")
    return dns.dnssec.make_dnskey(private.public_key(), _ALGORITHM, flags=_KEY_SIGNING)
