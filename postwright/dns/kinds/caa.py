"""Which certificate authorities may issue for the hosts' names (RFC 8659). Pure.

Authorities look for CAA at the name and then at each name above it, and go by the first they find (§3). So a first record at
a domain or at the apex of a zone would lock out every other issuer of everything below that has none of its own: records are
published at HELO names alone, and not at one that is such a name.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator

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


def admits(values: Collection[str], authority: str) -> bool:
    """Whether an authority may issue under this CAA RRset; one without any ``issue`` property restricts nobody (§4.2)."""
    parts = [shlex.split(value) for value in values]
    issuers = [value.partition(";")[0].strip().lower() for _, tag, value in parts if tag.lower() == "issue"]
    return not issuers or authority in issuers
