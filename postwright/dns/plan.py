"""A plan for DNS: a value that says what would change, in which of two steps, and whether that is safe.

Promise: pure; holds old and new values, so it is its own undo. NS, SOA and DS cannot even be expressed.

The two steps stand around the deploy of the hosts. *Additive* is what the hosts need before they start: new names, more
addresses, more SPF tokens, new keys. *Subtractive* is what may go once they have been proven: old names, addresses, tokens
and keys. A change that does both in one RRset is cut in two, so that old and new overlap. Where they cannot (two values
there would be undefined) a key is swapped in the first step, for a host must never sign with a key the world cannot see,
while a DMARC policy or a null MX is swapped in the second, for both demand something that must first be true.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from postwright.dns.canonical import canonical
from postwright.dns.kinds import dkim, dmarc, tlsa
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
    def gains(self) -> frozenset[str]:
        """The values put in."""
        return frozenset(self.new) - frozenset(self.old)

    @property
    def losses(self) -> frozenset[str]:
        """The values taken out."""
        return frozenset(self.old) - frozenset(self.new)

    @property
    def id_of(self) -> dict[str, str]:
        """Each old value → the provider's name of it; empty where the provider has none."""
        return dict(zip(self.old, self.ids, strict=True)) if self.ids else {}

    def identified(self, live: RRset | None) -> Change:
        """The change with the ids its old values have in ``live``, which must be its old side."""
        if live is None or not live.ids:
            return self
        exact = dict(zip(live.values, live.ids, strict=True))
        alike = {canonical(self.type, value): found for value, found in exact.items() if value not in self.old}
        return replace(self, ids=tuple(exact.get(value) or alike[canonical(self.type, value)] for value in self.old))

    def made_of(self, foreseen: Collection[str]) -> bool:
        """Whether it publishes one certificate, of a key that was yet to be made when these values were foreseen."""
        return self.type == "TLSA" and len(self.gains) == 1 and tlsa.record(tlsa.FORESEEN) in foreseen

    @property
    def adds_key(self) -> bool:
        """Whether it publishes a DKIM key where none was, or a revoked one."""
        return self.type == "TXT" and dkim.is_key_name(self.name) and not any(map(dkim.public_part, self.old))

    @property
    def lost_keys(self) -> frozenset[bytes]:
        """The ``p=`` tags of DKIM keys that it takes out of DNS."""
        if self.type != "TXT" or not dkim.is_key_name(self.name):
            return frozenset()
        before, after = ({dkim.public_part(value) for value in side} - {b""} for side in (self.old, self.new))
        return frozenset(before - after)

    @property
    def revives_key(self) -> bool:
        """Whether a selector that says that its key is revoked gets a key."""
        return self.adds_key and bool(self.old) and any(map(dkim.public_part, self.new))

    @property
    def ends_revoked_key(self) -> bool:
        """Whether it deletes the record of a key that was revoked, as is the way of all keys."""
        return self.type == "TXT" and dkim.is_key_name(self.name) and not self.new and not self.lost_keys

    @property
    def swaps_key(self) -> bool:
        """Whether a published DKIM key gives way to another under the same selector."""
        if self.type != "TXT" or not dkim.is_key_name(self.name):
            return False
        old, new = ({dkim.public_part(value) for value in side} - {b""} for side in (self.old, self.new))
        return bool(old and new) and old != new

    @property
    def laxer_policy(self) -> str:
        """In what the new DMARC policy is laxer than the published one; empty if in nothing, or if it is none."""
        if self.type != "TXT" or not self.name.startswith("_dmarc."):
            return ""
        return dmarc.lowered(*(values[0] if len(values) == 1 else "" for values in (self.old, self.new)))


def by_rrset(changes: Iterable[Change]) -> dict[tuple[str, str], list[Change]]:
    """The changes of each RRset, by (name, type), in their order."""
    found: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        found.setdefault((change.name, change.type), []).append(change)
    return found


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
    """The plan for one zone. ``base`` is the ledger as read, ``ours`` as it will be, ``desired`` what must be seen.

    ``dangers``: what makes it unsafe and only live DNS could tell.
    """

    zone: str
    additive: tuple[Change, ...] = ()
    subtractive: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    base: tuple[Record, ...] = ()
    ours: tuple[Record, ...] = ()
    desired: tuple[Record, ...] = ()
    dangers: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.additive or self.subtractive or self.conflicts)

    @property
    def steps(self) -> tuple[Change, ...]:
        """All changes, in the order they are made."""
        return (*self.additive, *self.subtractive)

    @property
    def net(self) -> tuple[Change, ...]:
        """Each touched RRset once, from what is there now to what will be there in the end."""
        last = {(change.name, change.type): change for change in self.subtractive}
        both = []
        for first in self.additive:
            then = last.pop((first.name, first.type), first)
            both.append(Change(first.name, first.type, first.old_ttl, first.old, then.ttl, then.new))
        return (*both, *last.values())

    def beyond(self, agreed: ZonePlan) -> Iterator[Change]:
        """What this plan does and the agreed one would not: another value put in or taken out, another TTL.

        Of two plans made one after the other the second may do less, for part of the first has landed.
        """
        said = by_rrset(agreed.steps)
        for change in self.net:
            same = said.get((change.name, change.type), [])
            gains = {value for it in same for value in it.gains}
            losses = {value for it in same for value in it.losses}
            retimed = change.retimed and change.ttl not in {it.ttl for it in same}
            if retimed or not (change.losses <= losses and (change.gains <= gains or change.made_of(gains))):
                yield change

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
        ours, kept = ({(record.name, record.type) for record in side} for side in (self.base, self.ours))
        lost = ours - kept  # RRsets we have nothing in any more, though strangers may stay in them
        deletes = [
            it
            for it in self.net
            if (not it.new or (it.losses and (it.name, it.type) in lost)) and not it.ends_revoked_key
        ]
        if deletes and len(deletes) >= len(ours):
            yield f"zone {self.zone}: everything of ours would be deleted ({len(deletes)} RRsets)"
        elif len(deletes) > MANY_DELETES and len(deletes) > DELETE_SHARE * len(ours):
            share = f"{len(deletes)} of our {len(ours)} RRsets"
            yield f"zone {self.zone}: {share} would be deleted, more than {DELETE_SHARE:.0%}"
        for change in self.additive:
            if change.swaps_key:
                hint = "mail already signed would fail; rotate to a new selector instead"
                yield f"zone {self.zone}: the key at {change.name} would be replaced in place; {hint}"
        for change in self.net:
            if laxer := change.laxer_policy:
                hint = "spoofed mail would pass again"
                yield f"zone {self.zone}: the DMARC policy at {change.name} would be lowered: {laxer}; {hint}"
        yield from (f"zone {self.zone}: {danger}" for danger in self.dangers)


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

    def beyond(self, agreed: DnsPlan, *, new_keys: bool) -> tuple[str, ...]:
        """What the agreed plan did not say, a line each; ``new_keys``: keys that were made since may be published."""
        known = {zone.zone: zone for zone in agreed.zones}
        return tuple(
            f"zone {zone.zone}: {change.name} {change.type}"
            for zone in self.zones
            for change in zone.beyond(known.get(zone.zone, ZonePlan(zone.zone)))
            if not (new_keys and change.adds_key)
        )

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
