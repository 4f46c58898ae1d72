"""Whether what was read agrees: servers with each other, and a zone with the old side of a plan. Promise: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from postwright.dns.canonical import same
from postwright.dns.plan import Change, RRset


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
