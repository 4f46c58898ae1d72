"""What a fleet needs to be allowed at a provider, and no more: names and types per zone.

Promise: pure. DKIM selectors come and go, so of keys the place below ``_domainkey`` is granted, not each name. What the
fleet no longer wants is not in it: grant anew only after the apply that takes it away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from postwright.dns.canonical import by_tree
from postwright.dns.kinds import tlsa
from postwright.dns.records import desired
from postwright.keys.public import PublicKey
from postwright.model import Domain, Fleet

_KEYS = "_domainkey."
_ANY_DIGEST = "0" * 64


@dataclass(frozen=True)
class Grant:
    """Types at a name without final dot; ``below``: at every name directly below it instead."""

    name: str
    types: tuple[str, ...]
    below: bool = False


def grants(fleet: Fleet, keys: Sequence[PublicKey], provider: str) -> dict[str, tuple[Grant, ...]]:
    """Zone → grants, for each zone of that provider in which the fleet has anything; names in the order of the tree."""
    zones: dict[str, dict[tuple[str, bool], set[str]]] = {
        zone.name: {} for zone in fleet.zones if zone.provider == provider
    }
    for name, rdtype in _needed(fleet, keys):
        zone = fleet.zone_of(name)
        if zone is not None and zone.name in zones:
            _, keyed, domain = name.partition(f".{_KEYS}")
            place = (f"{_KEYS}{domain}", True) if keyed else (name, False)
            zones[zone.name].setdefault(place, set()).add(rdtype)
    return {
        zone: tuple(
            Grant(name, tuple(sorted(places[name, below])), below)
            for name, below in sorted(places, key=lambda place: by_tree(place[0]))
        )
        for zone, places in zones.items()
        if places
    }


def _needed(fleet: Fleet, keys: Sequence[PublicKey]) -> Iterator[tuple[str, str]]:
    """Each (name, type); TLSA as if every zone were signed, and a key of every domain, for there will be one."""
    digests = {host.name: _ANY_DIGEST for host in fleet.hosts}
    for record in (*desired(fleet, keys), *tlsa.records(fleet, digests)):
        yield record.name, record.type
    for domain in fleet.domains:
        yield from ((f"{selector}.{_KEYS}{home}", "TXT") for selector, home in _selectors(domain))


def _selectors(domain: Domain) -> Iterator[tuple[str, str]]:
    if domain.delegated is None:
        yield "any", domain.name
    else:
        yield from ((selector, domain.delegated.to) for selector in domain.delegated.selectors)
