"""One DNS value we want, and the zone it is published in. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from postwright.dns.canonical import by_tree, canonical
from postwright.errors import InventoryError
from postwright.model import Fleet, Zone


@dataclass(frozen=True)
class Record:
    """One value: name in lower case without final dot, TTL in seconds, rdata as canonical presentation text.

    ``shared``: others may have values of their own in the same RRset (an apex TXT, an MX); otherwise it is all ours.
    """

    name: str
    type: str
    ttl: int
    rdata: str
    shared: bool = False


def sort_key(record: Record) -> tuple[tuple[str, ...], str, str]:
    """The order of records wherever they are listed."""
    return by_tree(record.name), record.type, record.rdata


def zone_for(fleet: Fleet, name: str) -> Zone:
    """The zone a name is published in; InventoryError if the fleet has none for it."""
    zone = fleet.zone_of(name)
    if zone is None:
        raise InventoryError("zones", [f"{name}: lies in no zone; add its zone, with the provider that publishes it"])
    return zone


def made(fleet: Fleet, name: str, rdtype: str, rdata: str, *, shared: bool = False) -> Record:
    """The record of a value, with the TTL of its zone and in canonical text. Raises as ``zone_for`` does."""
    return Record(name, rdtype, zone_for(fleet, name).ttl, canonical(rdtype, rdata), shared)
