"""Which certificate authorities may issue for the hosts' names (RFC 8659). Pure.

Authorities look for CAA at the name and then at each name above it, and go by the first they find (§3). So a first record at
a domain or at the apex of a zone would lock out every other issuer of everything below that has none of its own: records are
published at HELO names alone, and not at one that is such a name.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from postwright.dns.kinds.names import addresses
from postwright.dns.record import Record, made
from postwright.model import Fleet


def records(fleet: Fleet) -> Iterator[Record]:
    """Each authority at each HELO name, beside whatever others have there."""
    others = {zone.name for zone in fleet.zones} | {domain.name for domain in fleet.domains}
    for name in dict.fromkeys(address.helo for address in addresses(fleet)):
        if name not in others:
            for authority in fleet.certificate_authorities:
                yield made(fleet, name, "CAA", f'0 issue "{authority}"', shared=True)


# The end of an ACME directory's host name → what its authority calls itself in CAA (RFC 8555 §9.7.6, caaIdentities).
_ISSUERS = {
    "letsencrypt.org": "letsencrypt.org",
    "pki.goog": "pki.goog",
    "buypass.com": "buypass.com",
    "zerossl.com": "sectigo.com",
}


def unadmitted_issuer(fleet: Fleet) -> Iterator[str]:
    """The note that our own CAA records would keep the ACME server's authority from issuing."""
    said, acme = fleet.certificate_authorities, fleet.acme
    if acme and said and any(host.tls_files is None for host in fleet.hosts):
        server = urlsplit(acme.directory).hostname or ""
        issuer = next((it for end, it in _ISSUERS.items() if server == end or server.endswith(f".{end}")), None)
        if issuer and issuer not in said:
            yield f"mail_fleet.certificate_authorities: {issuer} is not among them, so {server} will issue nothing; add it"


def admits(values: Collection[str], authority: str) -> bool:
    """Whether an authority may issue under this CAA RRset; one without any ``issue`` property restricts nobody (§4.2)."""
    parts = [shlex.split(value) for value in values]
    issuers = [value.partition(";")[0].strip().lower() for _, tag, value in parts if tag.lower() == "issue"]
    return not issuers or authority in issuers
