"""The logo mailboxes show beside a domain's mail (draft-brand-indicators-for-message-identification). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from postwright.dns.canonical import txt_rdata
from postwright.dns.record import Record, made
from postwright.model import Bimi, Fleet


def record(bimi: Bimi) -> str:
    """The rdata: where the logo is, and the certificate that says whose it is."""
    tags = ["v=BIMI1", f"l={bimi.logo}", *([f"a={bimi.certificate}"] if bimi.certificate else [])]
    return txt_rdata(["; ".join(tags).encode()])


def records(fleet: Fleet) -> Iterator[Record]:
    """A record for each domain with a logo."""
    for domain in fleet.domains:
        if domain.bimi:
            yield made(fleet, f"{domain.bimi.selector}._bimi.{domain.name}", "TXT", record(domain.bimi))
