"""Where senders report trouble with TLS to a domain (RFC 8460). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postwright.dns.canonical import txt_rdata
from postwright.dns.kinds.uris import report_uri
from postwright.dns.record import Record, made
from postwright.model import Fleet


def name(domain: str) -> str:
    """Where a domain's record lives."""
    return f"_smtp._tls.{domain}"


def record(targets: Sequence[str]) -> str:
    """The rdata for mail addresses and https URLs; receivers of reports need not consent."""
    return txt_rdata([f"v=TLSRPTv1; rua={','.join(map(report_uri, targets))}".encode()])


def records(fleet: Fleet) -> Iterator[Record]:
    """A record for each domain that wants reports."""
    for domain in fleet.domains:
        if domain.tls_reports:
            yield made(fleet, name(domain.name), "TXT", record(domain.tls_reports))
