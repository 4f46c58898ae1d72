"""Domains that send and take no mail, and say so (M3AAWG, Protecting Parked Domains). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from postwright.dns import spf
from postwright.dns.canonical import txt_rdata
from postwright.dns.kinds import dmarc
from postwright.dns.kinds.exchangers import NULL_MX
from postwright.dns.record import Record, made
from postwright.model import Dmarc, Fleet

_POLICY = Dmarc(policy="reject", subdomain_policy="reject", nonexistent_policy="reject", strict=True)
_REVOKED = txt_rdata([b"v=DKIM1; p="])  # RFC 6376 §3.6.1: an empty key was revoked


def records(fleet: Fleet) -> Iterator[Record]:
    """No sender, no MX, no key whatever the selector, and a policy that rejects.

    The wildcard below ``_domainkey`` is asked for and read back by its own name, like any other.
    """
    for name in fleet.parked:
        yield made(fleet, name, "MX", NULL_MX, shared=True)
        yield made(fleet, name, "TXT", spf.render(["-all"]), shared=True)
        yield made(fleet, dmarc.name(name), "TXT", dmarc.record(_POLICY))
        yield made(fleet, f"*._domainkey.{name}", "TXT", _REVOKED)
