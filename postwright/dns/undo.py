"""The inverse of an applied plan. Promise: pure; made from what is there now, so that nothing done since is undone with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from postwright.dns.canonical import same
from postwright.dns.plan import Change, Conflict, RRset, ZonePlan, by_rrset
from postwright.dns.records import Record

_MOVED = "it, or its TTL, is neither what that plan wrote nor what was there before; put it right by hand"
_CNAME = "a CNAME stands here now, and nothing may stand beside it (RFC 1034 §3.6.2)"
_ADDRESSES = ("A", "AAAA")


@dataclass(frozen=True)
class _Touched:
    """One RRset of an applied plan: what was there, and the steps it went through as far as the plan came."""

    before: Change
    steps: tuple[Change, ...]

    def takes_back(self, live: RRset | None) -> Change | None:
        """The change that brings it back; None if nothing is to be. LookupError if it is something else by now.

        A TTL is part of it: one that the plan did not leave there is somebody else's, and must not be set back.
        """
        values = live.values if live else ()
        kind, old, ttl = self.before.type, self.before.old, self.before.old_ttl
        if same(values, old, kind) and (not values or (live and live.ttl == ttl)):
            return None
        if not any(same(values, step.new, kind) and (live is None or live.ttl == step.ttl) for step in self.steps):
            if same(values, old, kind):
                return None
            raise LookupError
        now = live or RRset(self.before.name, kind, self.before.ttl, ())
        ours = Change(now.name, kind, now.ttl if values else None, values, now.ttl if ttl is None else ttl, old)
        return ours.identified(live)

    def conflict(self, there: tuple[str, ...], reason: str) -> Conflict:
        return Conflict(self.before.name, self.before.type, there, self.steps[-1].new, self.before.old, reason)


def inverse(applied: ZonePlan, live: Iterable[RRset], known: tuple[Record, ...], signing: Collection[str]) -> ZonePlan:
    """The plan that takes ``applied`` back in one step; ``known`` is the ledger as it is now.

    Parts of ``applied`` that never landed are left out. ``signing``: names of keys that hosts sign with.
    """
    found = {(rrset.name, rrset.type): rrset for rrset in live}
    touched_keys = {(change.name, change.type) for change in applied.net}
    changes, conflicts = [], []
    for touched in _touched(applied):
        key = touched.before.name, touched.before.type
        # One that the plan itself put there goes in the same step.
        alias = found.get((key[0], "CNAME")) if (key[0], "CNAME") not in touched_keys else None
        try:
            change = touched.takes_back(found.get(key))
        except LookupError:
            conflicts.append(touched.conflict(found[key].values if key in found else (), _MOVED))
            continue
        if change and alias:
            conflicts.append(touched.conflict(tuple(f"CNAME {target}" for target in alias.values), _CNAME))
        elif change:
            changes.append(change)
    ours = [record for record in known if (record.name, record.type) not in touched_keys]
    # What the plan left to others without touching it is ours again as well.
    others = {(record.name, record.type) for record in (*known, *applied.ours)} - touched_keys
    ours += [record for record in applied.base if (record.name, record.type) not in others]
    dangers = tuple(_unsigned(changes, signing))
    return ZonePlan(
        applied.zone, _ordered(changes), conflicts=tuple(conflicts), base=known, ours=tuple(ours), dangers=dangers
    )


def _touched(applied: ZonePlan) -> Iterator[_Touched]:
    steps = by_rrset(applied.steps)
    return (_Touched(change, tuple(steps[change.name, change.type])) for change in applied.net)


def _unsigned(changes: Iterable[Change], signing: Collection[str]) -> Iterator[str]:
    for change in changes:
        if change.name in signing and change.lost_keys:
            yield f"mail is signed with the key at {change.name}, which this would take away: it would fail"
        if change.revives_key:
            yield f"the key at {change.name} was revoked, and this would make it good again for whoever has it"


def _ordered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """What makes room for another type at its name comes first; addresses come before what points to them and go after it."""
    changes = tuple(changes)
    taken = {change.name for change in changes if change.new and not change.old}

    def rank(change: Change) -> int:
        if not change.new and change.name in taken:
            return 0
        if change.type in _ADDRESSES:
            return 1 if change.new else 3
        return 2

    return tuple(sorted(changes, key=rank))
