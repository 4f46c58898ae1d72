"""From ledger, live zone and desired records to the plan of one zone.

Promise: pure. The merge of each RRset is in ``merge``; here RRsets are lined up, a CNAME in the way is refused, and the TTL
is settled: an RRset has one TTL, so a stranger's value in it keeps the TTL that is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from postwright.dns.canonical import by_tree
from postwright.dns.merge import Clash, Merged, Sides, merge
from postwright.dns.plan import Change, Conflict, RRset, ZonePlan
from postwright.dns.records import Record

_ADDRESSES = frozenset({"A", "AAAA"})
Key = tuple[str, str]  # name, type
_CHILD = "the name lies in a zone of its own, served by others; add that zone to the inventory, with the provider that publishes it"
_CNAME = "a CNAME stands here, and nothing may stand beside it (RFC 1034 §3.6.2); delete it by hand, or publish where it leads"


@dataclass(frozen=True)
class Three:
    """Base, live and desired of one zone. ``released``: what the inventory leaves to others from now on."""

    base: tuple[Record, ...]
    live: tuple[RRset, ...]
    desired: tuple[Record, ...]
    released: Collection[Key] = frozenset()
    adopt: bool = False


def wanted(*sides: Iterable[Record]) -> tuple[Key, ...]:
    """The (name, type) a plan must read: all that base or desired speak of, parents first."""
    keys = {(record.name, record.type) for side in sides for record in side}
    return tuple(sorted(keys, key=lambda key: (by_tree(key[0]), key[1])))


def diff(zone: str, three: Three) -> ZonePlan:
    """The plan that makes live what is desired, and nothing else."""
    base, desired = _by_key(three.base), _by_key(three.desired)
    live = {(rrset.name, rrset.type): rrset for rrset in three.live}
    additive, subtractive, conflicts, ours = [], [], [], []
    for key in wanted(three.base, three.desired):
        if key in three.released and key not in desired:
            continue
        group = _Group(key, base.get(key, []), desired.get(key, []), three.adopt)
        match _merge(group, live):
            case Conflict() as conflict:
                conflicts.append(conflict)
                ours += group.base
            case merged:
                rrset = live.get(key, RRset(*key, 0, ()))
                ttl = _ttl(group, rrset, merged)
                first, second = _steps(rrset, merged, ttl)
                additive += first
                subtractive += second
                ours += [Record(*key, ttl, value, group.shared) for value in merged.ours]
    # An address comes before what points to it and goes after it: BIND refuses an MX to a name in its zone without one.
    additive.sort(key=lambda change: change.type not in _ADDRESSES)
    subtractive.sort(key=lambda change: change.type in _ADDRESSES)
    return ZonePlan(zone, tuple(additive), tuple(subtractive), tuple(conflicts), three.base, tuple(ours), three.desired)


@dataclass(frozen=True)
class _Group:
    """The records of one RRset."""

    key: Key
    base: list[Record]
    desired: list[Record]
    adopt: bool

    @property
    def shared(self) -> bool:
        return any(record.shared for record in (*self.base, *self.desired))


def _merge(group: _Group, live: Mapping[Key, RRset]) -> Conflict | Merged:
    name, rdtype = group.key
    base = tuple(record.rdata for record in group.base)
    desired = tuple(record.rdata for record in group.desired)
    alias = live.get((name, "CNAME"))
    if alias and desired and rdtype != "CNAME":
        return Conflict(name, rdtype, tuple(f"CNAME {target}" for target in alias.values), base, desired, _CNAME)
    child = live.get((name, "NS"))
    if child and desired:
        return Conflict(name, rdtype, tuple(f"NS {server}" for server in child.values), base, desired, _CHILD)
    there = live.get(group.key)
    values = there.values if there else ()
    if there and there.locked:
        return Conflict(name, rdtype, values, base, desired, there.locked)
    merged = merge(Sides(name, rdtype, base, values, desired, group.shared, group.adopt))
    return Conflict(name, rdtype, values, base, desired, merged.reason) if isinstance(merged, Clash) else merged


def _ttl(group: _Group, live: RRset, merged: Merged) -> int:
    return group.desired[0].ttl if group.desired and (merged.alone or not live.values) else live.ttl


def _steps(live: RRset, merged: Merged, ttl: int) -> tuple[list[Change], list[Change]]:
    """The change before the hosts and the one after them; either may be none.

    The second has the ids of the first as far as its old values are the live ones: others get theirs when they are written.
    """
    before, middle, after = (tuple(sorted(values)) for values in (live.values, merged.middle, merged.after))
    id_of = dict(zip(live.values, live.ids, strict=True)) if live.ids else {}
    ids = tuple(id_of[value] for value in before) if id_of else ()
    first = Change(live.name, live.type, live.ttl if before else None, before, ttl, middle, ids, live.proxied)
    second = Change(live.name, live.type, ttl, middle, ttl, after, ids if middle == before else ())
    needed = middle != before or first.retimed or (live.proxied and bool(middle))
    return [first] if needed else [], [second] if after != middle else []


def _by_key(records: Iterable[Record]) -> dict[Key, list[Record]]:
    groups: dict[Key, list[Record]] = {}
    for record in records:
        groups.setdefault((record.name, record.type), []).append(record)
    return groups
