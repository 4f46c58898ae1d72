"""From ledger, live zone and desired records to the plan of one zone.

Promise: pure. The merge of each RRset is in ``merge``, what keeps an RRset from standing at a name in ``spot``; here RRsets are
lined up, and the TTL is settled: an RRset has one TTL, so a stranger's value in it keeps the TTL that is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from postwright.dns.canonical import by_tree
from postwright.dns.merge import merge
from postwright.dns.plan import Change, Conflict, RRset, ZonePlan
from postwright.dns.record import Record
from postwright.dns.sides import Clash, Merged, Sides
from postwright.dns.spot import BESIDE_CNAME, Group, Spot, spots
from postwright.dns.waves import targets

_ADDRESSES = frozenset({"A", "AAAA"})
Key = tuple[str, str]  # name, type


@dataclass(frozen=True)
class Three:
    """Base, live and desired of one zone. ``released``: what the inventory leaves to others from now on.

    ``adopt`` and ``consolidate``: see ``sides.Sides``.
    """

    base: tuple[Record, ...]
    live: tuple[RRset, ...]
    desired: tuple[Record, ...]
    released: Collection[Key] = frozenset()
    adopt: bool = False
    consolidate: bool = False


def wanted(*sides: Iterable[Record]) -> tuple[Key, ...]:
    """The (name, type) a plan must read: all that base or desired speak of, and what may stand beside a CNAME.

    Parents come first.
    """
    keys = {(record.name, record.type) for side in sides for record in side}
    return _sorted({*keys, *((name, other) for name, rdtype in keys if rdtype == "CNAME" for other in BESIDE_CNAME)})


def diff(zone: str, three: Three) -> ZonePlan:
    """The plan that makes live what is desired, and nothing else."""
    groups = _groups(three)
    at = spots(groups, three.live)
    additive, subtractive, conflicts = [], [], []
    ours: list[Record] = []
    for group in groups:
        spot = at[group.name]
        match _merge(group, spot, three):
            case Conflict() as conflict:
                conflicts.append(conflict)
                ours += group.base
            case merged:
                rrset = spot.live.get(group.type, RRset(group.name, group.type, 0, ()))
                ttl = _ttl(group, rrset, merged)
                first, second = _steps(rrset, spot.settled(group, merged), ttl)
                additive += first
                subtractive += second
                ours += [Record(group.name, group.type, ttl, value, group.shared) for value in merged.ours]
    # An address comes before what points to it and goes after it: BIND refuses an MX to a name in its zone without one.
    # Where a CNAME and something else take turns at a name, the one must be gone before the other comes.
    # What leads to a name of the zone comes last, for the messages of a step land one after the other.
    additive.sort(key=lambda change: (bool(change.new), change.type not in _ADDRESSES, any(targets(change))))
    subtractive.sort(key=lambda change: (not change.old, change.type in _ADDRESSES))
    return ZonePlan(zone, tuple(additive), tuple(subtractive), tuple(conflicts), three.base, tuple(ours), three.desired)


def _merge(group: Group, spot: Spot, three: Three) -> Conflict | Merged:
    if group.desired and (conflict := spot.in_the_way(group)):
        return conflict
    there = spot.live.get(group.type)
    values = there.values if there else ()
    if there and there.locked:
        return group.conflict(values, there.locked)
    base, desired = (tuple(record.rdata for record in side) for side in (group.base, group.desired))
    sides = Sides(group.name, group.type, base, values, desired, group.shared, three.adopt, three.consolidate)
    merged = merge(sides)
    return group.conflict(values, merged.reason) if isinstance(merged, Clash) else merged


def _ttl(group: Group, live: RRset, merged: Merged) -> int:
    return group.desired[0].ttl if group.desired and (merged.alone or not live.values) else live.ttl


def _steps(live: RRset, merged: Merged, ttl: int) -> tuple[list[Change], list[Change]]:
    """The change before the hosts and the one after them; either may be none.

    The second has the ids of the first as far as its old values are the live ones: others get theirs when they are written.
    """
    before, middle, after = (tuple(sorted(values)) for values in (live.values, merged.middle, merged.after))
    id_of = dict(zip(live.values, live.ids, strict=True)) if live.ids else {}
    ids = tuple(id_of[value] for value in before) if id_of else ()
    first = Change(live.name, live.type, live.ttl if before else None, before, ttl, middle, ids, live.proxied)
    second = Change(live.name, live.type, ttl if middle else None, middle, ttl, after, ids if middle == before else ())
    needed = middle != before or first.retimed or (live.proxied and bool(middle))
    return [first] if needed else [], [second] if after != middle else []


def _groups(three: Three) -> list[Group]:
    base, desired = _by_key(three.base), _by_key(three.desired)
    keys = [key for key in {**base, **desired} if key in desired or key not in three.released]
    return [Group(*key, tuple(base.get(key, ())), tuple(desired.get(key, ()))) for key in _sorted(keys)]


def _by_key(records: Iterable[Record]) -> dict[Key, list[Record]]:
    groups: dict[Key, list[Record]] = {}
    for record in records:
        groups.setdefault((record.name, record.type), []).append(record)
    return groups


def _sorted(keys: Iterable[Key]) -> tuple[Key, ...]:
    return tuple(sorted(keys, key=lambda key: (by_tree(key[0]), key[1])))
