"""DMARC policy records and the authorisation of reports to another domain (RFC 9989, RFC 9990 §4, RFC 9991).

Promise: pure. Never writes ``pct``, ``rf`` or ``ri``, which RFC 9989 removed, nor ``np``: without it a name that does not
exist falls under ``sp`` or ``p``, and no operator asked for more.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from postwright.dns.canonical import txt_rdata
from postwright.model import Dmarc, Domain, Fleet

AUTHORISATION = txt_rdata([b"v=DMARC1"])


def name(domain: str) -> str:
    """Where a domain's policy lives."""
    return f"_dmarc.{domain}"


def record(policy: Dmarc) -> str:
    """The rdata; ``p`` comes second, for the receivers of RFC 7489, who insist."""
    tags = ["v=DMARC1", f"p={policy.policy}"]
    if policy.subdomain_policy:
        tags.append(f"sp={policy.subdomain_policy}")
    for tag, addresses in (("rua", policy.aggregate_reports), ("ruf", policy.failure_reports)):
        if addresses:
            tags.append(f"{tag}={','.join(map(_uri, addresses))}")
    if policy.strict:
        tags += ["adkim=s", "aspf=s"]
    return txt_rdata(["; ".join(tags).encode("ascii")])


def authorisations(fleet: Fleet, domain: Domain) -> Iterator[str]:
    """The names at which the receivers of our reports must consent, as far as the fleet holds their zones.

    A target above or below the domain, or in the same zone, is taken to be one organisation: that needs no consent.
    """
    for address in (*domain.dmarc.aggregate_reports, *domain.dmarc.failure_reports):
        target = address.rpartition("@")[2]
        zone = fleet.zone_of(target)
        if zone is not None and zone != fleet.zone_of(domain.name) and not _related(target, domain.name):
            yield f"{domain.name}._report._dmarc.{target}"


def _related(one: str, other: str) -> bool:
    return f".{one}".endswith(f".{other}") or f".{other}".endswith(f".{one}")


def _uri(address: str) -> str:
    """A mailto URI; ``,``, ``!`` and ``;`` mean something in the record and must be encoded (RFC 9989 §4.7)."""
    return "mailto:" + quote(address, safe="@$'*+")
