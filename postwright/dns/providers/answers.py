"""What a name server's response says: the values at a name, and the zone they come from. Promise: pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import dns.message
import dns.name
import dns.rdatatype
import dns.rrset

from postwright.dns.plan import RRset

_DNAME = "a DNAME above this name leads it elsewhere, so nothing can stand here; publish where it leads"
_CUTS = (dns.rdatatype.SOA, dns.rdatatype.NS)


def values_at(response: dns.message.Message, name: str, rdtype: str) -> Iterator[RRset]:
    """The asked RRset and the CNAME at the name; what the CNAME leads to is left out.

    A CNAME made from a DNAME above the name (RFC 6672 §3.1) is locked: nothing below a DNAME is ever answered.
    """
    owner = dns.name.from_text(name)
    locked = _DNAME if any(rrset.rdtype == dns.rdatatype.DNAME for rrset in response.answer) else ""
    for rrset in response.answer:
        found = dns.rdatatype.to_text(rrset.rdtype)
        if rrset.name == owner and found in (rdtype, "CNAME"):
            yield replace(as_read(rrset, name), locked=locked)


def as_read(rrset: dns.rrset.RRset, name: str) -> RRset:
    """An RRset of a response under the name it was asked for."""
    values = tuple(sorted(rdata.to_text() for rdata in rrset))
    return RRset(name, dns.rdatatype.to_text(rrset.rdtype), rrset.ttl, values)


def is_alias(response: dns.message.Message) -> bool:
    """Whether a CNAME or DNAME led on: then the authority section may speak of another zone than the name's."""
    return any(rrset.rdtype in (dns.rdatatype.CNAME, dns.rdatatype.DNAME) for rrset in response.answer)


def origin(response: dns.message.Message, name: str) -> str | None:
    """The zone a name lies in, as far as the response tells.

    A negative answer has that zone's SOA (RFC 2308 §3), a referral its NS records, and so has a positive answer of some
    servers; None where nothing of the kind is there.
    """
    cut = None if is_alias(response) else _cut(response, name)
    return cut.name.to_text(omit_final_dot=True).lower() if cut else None


def referral(response: dns.message.Message, name: str, zone: str) -> RRset | None:
    """The servers of the child zone a name below ``zone`` is delegated to, under that name; None if it is no referral."""
    cut = _cut(response, name)
    if cut is None or cut.rdtype != dns.rdatatype.NS or response.answer:
        return None
    top = dns.name.from_text(zone)
    return as_read(cut, name) if cut.name != top and cut.name.is_subdomain(top) else None


def _cut(response: dns.message.Message, name: str) -> dns.rrset.RRset | None:
    owner = dns.name.from_text(name)
    sections = (*response.answer, *response.authority)
    return next((rrset for rrset in sections if rrset.rdtype in _CUTS and owner.is_subdomain(rrset.name)), None)
