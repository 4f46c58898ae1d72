"""Finding out by plain questions to one server what stands at a name of a zone, and whether it still is what a plan says.

Promise: what a child zone holds is never taken for the zone's own, whoever serves the child; nor what a wildcard made up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import dns.flags
import dns.message

from postwright.dns.canonical import same
from postwright.dns.plan import Change, RRset
from postwright.dns.providers.rfc2136 import answers


@dataclass(frozen=True)
class View:
    """A zone as one server shows it; ``ask`` takes name and type, and raises where no answer counts."""

    zone: str
    ask: Callable[[str, str], dns.message.Message]

    def is_served(self) -> bool:
        """Whether the server has this very zone: its parent, or nothing, would look like an empty one."""
        response = self.ask(self.zone, "SOA")
        return bool(response.flags & dns.flags.AA) and answers.origin(response, self.zone) == self.zone

    def at(self, name: str, rdtype: str) -> Iterator[RRset]:
        """The RRset, a CNAME at the name, or the NS of the child zone the name lies in, under that name."""
        response = self.ask(name, rdtype)
        child = answers.referral(response, name, self.zone)
        if child is None:
            origin = answers.origin(response, name) or self._origin(name)
            child = self._servers(origin, name) if origin != self.zone else None
        yield from [child] if child else answers.values_at(response, name, rdtype)

    def stands(self, rrset: RRset) -> bool:
        """Whether it is there itself, and no wildcard made it up.

        A name that exists hides the wildcards above it from all below (RFC 4592 §3.3.1): so where a name below that nobody
        can have written is answered alike, the name itself is made up as well. Limit: it is taken for made up, too, where
        the name has a wildcard of its own (``*.name``) with the very same values.
        """
        if rrset.type == "NS" or rrset.name == self.zone:
            return True
        nobody = f"{secrets.token_hex(8)}.{rrset.name}"
        response = self.ask(nobody, rrset.type)
        return not any(
            (it.ttl, it.values) == (rrset.ttl, rrset.values) for it in answers.values_at(response, nobody, rrset.type)
        )

    def _origin(self, name: str) -> str:
        """The zone a name lies in, by its SOA; an alias hides it, but is no zone's top, so its parent is asked."""
        if name == self.zone:
            return name
        response = self.ask(name, "SOA")
        if answers.is_alias(response):
            return self._origin(name.partition(".")[2])
        return answers.origin(response, name) or self.zone

    def _servers(self, child: str, name: str) -> RRset:
        found = next(
            answers.values_at(self.ask(child, "NS"), child, "NS"), RRset(child, "NS", 0, (f"of zone {child}",))
        )
        return replace(found, name=name)


def disagreements(views: dict[str, dict[tuple[str, str], RRset]]) -> Iterator[str]:
    """Each RRset the servers do not agree on, with who answers what."""
    keys = {key for view in views.values() for key in view}
    for key in sorted(keys):
        said = {server: _said(view.get(key)) for server, view in views.items()}
        if len(set(said.values())) > 1:
            yield f"{' '.join(key)}: " + ", ".join(f"{server} answers {text}" for server, text in said.items())


def _said(rrset: RRset | None) -> str:
    return f"{' | '.join(rrset.values)} (TTL {rrset.ttl})" if rrset else "nothing"


def keyed(rrsets: Iterable[RRset]) -> dict[tuple[str, str], RRset]:
    """The RRsets by name and type."""
    return {(rrset.name, rrset.type): rrset for rrset in rrsets}


def first_moved(live: Mapping[tuple[str, str], RRset], changes: Sequence[Change]) -> Change | None:
    """The first change whose RRset is not its old side any more, or has got something in its way; None if all are good."""
    leaving = {change.name for change in changes if change.type == "CNAME" and not change.new}
    for change in changes:
        alias = change.type != "CNAME" and (change.name, "CNAME") in live and change.name not in leaving
        child = change.type != "NS" and (change.name, "NS") in live
        if alias or child or not is_old(live.get((change.name, change.type)), change):
            return change
    return None


def is_old(there: RRset | None, change: Change) -> bool:
    """Whether an RRset is the old side of a change, and may be edited."""
    if there is None:
        return not change.old
    return not there.locked and same(there.values, change.old, change.type) and there.ttl == change.old_ttl
