"""A plan for DNS: a value that says what would change, in which of two steps, and whether that is safe.

Promise: pure; holds old and new values, so it is its own undo. NS, SOA and DS cannot even be expressed.

The two steps stand around the deploy of the hosts. *Additive* is what the hosts need before they start: new names, more
addresses, more SPF tokens, new keys. *Subtractive* is what may go once they have been proven: old names, addresses, tokens
and keys. A change that does both in one RRset is cut in two, so that old and new overlap. Where they cannot (two values
there would be undefined) a key is swapped in the first step, for a host must never sign with a key the world cannot see,
while a DMARC policy or a null MX is swapped in the second, for both demand something that must first be true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from postwright.dns import dkim
from postwright.dns.records import Record
from postwright.dns.seen import holds
from postwright.errors import UnsafePlan

NEVER = frozenset({"NS", "SOA", "DS"})
MANY_DELETES = 10  # fewer deletions in a zone are never too many
DELETE_SHARE = 0.3  # of the RRsets we have in the zone; what octoDNS takes for a mistake


@dataclass(frozen=True)
class RRset:
    """An RRset as a server holds it: name without final dot, TTL in seconds, values in lossless presentation text.

    ``ids``: the provider's own name of each value, where it has one. ``proxied``: an address answers for it that is not
    among the values. ``locked``: why the provider lets nobody change it.
    """

    name: str
    type: str
    ttl: int
    values: tuple[str, ...]
    ids: tuple[str, ...] = ()
    proxied: bool = False
    locked: str = ""


@dataclass(frozen=True)
class Change:
    """One RRset from ``old`` to ``new``; empty means it is not there. ``old_ttl`` is None where there is no old one.

    ``ids``: the provider's own names of the ``old`` values, as it gave them. ``proxied``: the old ones are, the new must not.
    """

    name: str
    type: str
    old_ttl: int | None
    old: tuple[str, ...]
    ttl: int
    new: tuple[str, ...]
    ids: tuple[str, ...] = ()
    proxied: bool = False

    def __post_init__(self) -> None:
        if self.type in NEVER:
            raise UnsafePlan(f"{self.name}: {self.type} records are never changed; take the line out of the ledger")

    @property
    def retimed(self) -> bool:
        """Whether values that stay get another TTL."""
        return bool(self.old and self.new) and self.old_ttl != self.ttl

    @property
    def id_of(self) -> dict[str, str]:
        """Each old value → the provider's name of it; empty where the provider has none."""
        return dict(zip(self.old, self.ids, strict=True)) if self.ids else {}

    @property
    def swaps_key(self) -> bool:
        """Whether a published DKIM key gives way to another under the same selector."""
        keys = {dkim.public_part(value) for value in self.old}, {dkim.public_part(value) for value in self.new}
        return self.type == "TXT" and dkim.is_key_name(self.name) and all(keys) and keys[0] != keys[1]


@dataclass(frozen=True)
class Conflict:
    """An RRset that is not touched: what is there, what we last wrote, what we want, why not and what to do."""

    name: str
    type: str
    live: tuple[str, ...]
    base: tuple[str, ...]
    desired: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class ZonePlan:
    """The plan for one zone. ``base`` is the ledger as read, ``ours`` as it will be, ``desired`` what must be seen."""

    zone: str
    additive: tuple[Change, ...] = ()
    subtractive: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    base: tuple[Record, ...] = ()
    ours: tuple[Record, ...] = ()
    desired: tuple[Record, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.additive or self.subtractive or self.conflicts)

    @property
    def net(self) -> tuple[Change, ...]:
        """Each touched RRset once, from what is there now to what will be there in the end."""
        last = {(change.name, change.type): change for change in self.subtractive}
        both = []
        for first in self.additive:
            then = last.pop((first.name, first.type), first)
            both.append(Change(first.name, first.type, first.old_ttl, first.old, then.ttl, then.new))
        return (*both, *last.values())

    @property
    def due_before_hosts(self) -> tuple[Record, ...]:
        """The desired records that hold once everything additive is written."""
        then = {(change.name, change.type): change.old for change in self.subtractive}
        return tuple(
            record
            for record in self.desired
            if (record.name, record.type) not in then or holds(then[record.name, record.type], record)
        )

    def unsafe_reasons(self) -> Iterator[str]:
        """Why this needs --force."""
        deletes = [change for change in self.net if not change.new]
        ours = {(record.name, record.type) for record in self.base}
        if deletes and len(deletes) >= len(ours):
            yield f"zone {self.zone}: everything of ours would be deleted ({len(deletes)} RRsets)"
        elif len(deletes) > MANY_DELETES and len(deletes) > DELETE_SHARE * len(ours):
            share = f"{len(deletes)} of our {len(ours)} RRsets"
            yield f"zone {self.zone}: {share} would be deleted, more than {DELETE_SHARE:.0%}"
        for change in self.additive:
            if change.swaps_key:
                hint = "mail already signed would fail; rotate to a new selector instead"
                yield f"zone {self.zone}: the key at {change.name} would be replaced in place; {hint}"


@dataclass(frozen=True)
class DnsPlan:
    """What would change in all zones. ``notes`` are for the operator to know; they stop nothing."""

    zones: tuple[ZonePlan, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether live DNS is what the inventory says: nothing to write and nothing in the way."""
        return all(zone.is_empty for zone in self.zones)

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        return tuple(conflict for zone in self.zones for conflict in zone.conflicts)

    @property
    def due_before_hosts(self) -> tuple[Record, ...]:
        """The desired records that must be seen before a host may rely on them: all but those swapped late."""
        return tuple(record for zone in self.zones for record in zone.due_before_hosts)

    def unsafe_reasons(self) -> tuple[str, ...]:
        """Why the plan needs --force, each naming its zone; empty for a safe one. Conflicts are not among them."""
        return tuple(reason for zone in self.zones for reason in zone.unsafe_reasons())

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON data: per zone the two steps and the conflicts, each with old and new values."""
        shown = ("zone", "additive", "subtractive", "conflicts")
        zones = [{key: asdict(zone)[key] for key in shown} for zone in self.zones if not zone.is_empty]
        return {
            "empty": self.is_empty,
            "unsafe": list(self.unsafe_reasons()),
            "notes": list(self.notes),
            "zones": zones,
        }
