"""One name and all RRsets at it: a CNAME tolerates nothing beside itself, a delegation nothing at all.

Promise: pure. What others have there is in the way and is shown; what we wrote ourselves and leave gives way, in one step
with what replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from postwright.dns.canonical import absent_from
from postwright.dns.kinds import dkim
from postwright.dns.plan import Conflict, RRset
from postwright.dns.record import Record
from postwright.dns.sides import Merged

BESIDE_CNAME = ("A", "AAAA", "MX", "NS", "TXT")  # what usually stands where a CNAME is to come
_CHILD = "the name lies in a zone of its own, served by others; add that zone to the inventory, with the provider that publishes it"
_CNAME = "a CNAME stands here, and nothing may stand beside it (RFC 1034 §3.6.2); delete it by hand, or publish where it leads"
_BESIDE = "a CNAME is wanted here, and nothing may stand beside one (RFC 1034 §3.6.2); delete by hand what is there"


@dataclass(frozen=True)
class Group:
    """The records of one RRset: what we wrote and what we want."""

    name: str
    type: str
    base: tuple[Record, ...] = ()
    desired: tuple[Record, ...] = ()

    @property
    def shared(self) -> bool:
        return any(record.shared for record in (*self.base, *self.desired))

    def conflict(self, live: Iterable[str], reason: str) -> Conflict:
        """The conflict that shows all three sides."""
        base, desired = (tuple(record.rdata for record in side) for side in (self.base, self.desired))
        return Conflict(self.name, self.type, tuple(live), base, desired, reason)

    def leaves(self, there: RRset) -> bool:
        """Whether we wrote all that is there and want none of it."""
        return not self.desired and not absent_from(there.values, [record.rdata for record in self.base], there.type)


@dataclass(frozen=True)
class Spot:
    """A name: by type, our records and what is there."""

    groups: Mapping[str, Group]
    live: Mapping[str, RRset]

    def in_the_way(self, group: Group) -> Conflict | None:
        """What keeps a wanted RRset from standing here, if anything does."""
        if child := self.live.get("NS"):
            return group.conflict(_texts([child]), _CHILD)
        if group.type == "CNAME":
            wanted = [
                f"{it.type} {it.rdata}" for other in self.groups.values() for it in other.desired if other != group
            ]
            found = [*_texts(self._staying(self.live.keys() - {"CNAME"})), *wanted]
            return group.conflict(found, _BESIDE) if found else None
        alias = self._staying({"CNAME"} & self.live.keys())
        return group.conflict(_texts(alias), _CNAME) if alias else None

    def settled(self, group: Group, merged: Merged) -> Merged:
        """The merge without an overlap, where a CNAME and other RRsets of ours take turns here.

        All in the first step, for hosts need a key or an address; only a policy comes in the second, as policies do.
        """
        goes = {rdtype for rdtype in self.live if rdtype in self.groups and not self.groups[rdtype].desired}
        comes = {rdtype for rdtype, other in self.groups.items() if other.desired}
        if not (comes and goes and "CNAME" in comes | goes):
            return merged
        policy = comes == {"TXT"} and group.name.startswith("_") and not dkim.is_key_name(group.name)
        there = self.live.get(group.type)
        return replace(merged, middle=(there.values if there else ()) if policy else merged.after)

    def _staying(self, types: Iterable[str]) -> list[RRset]:
        there = (self.live[rdtype] for rdtype in sorted(types))
        return [rrset for rrset in there if not (rrset.type in self.groups and self.groups[rrset.type].leaves(rrset))]


def _texts(rrsets: Iterable[RRset]) -> Iterator[str]:
    return (f"{rrset.type} {value}" for rrset in rrsets for value in rrset.values)


def spots(groups: Iterable[Group], live: Iterable[RRset]) -> dict[str, Spot]:
    """Each name there is a group for."""
    found: dict[str, tuple[dict[str, Group], dict[str, RRset]]] = {}
    for group in groups:
        found.setdefault(group.name, ({}, {}))[0][group.type] = group
    for rrset in live:
        if rrset.name in found:
            found[rrset.name][1][rrset.type] = rrset
    return {name: Spot(*both) for name, both in found.items()}
