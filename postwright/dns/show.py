"""A plan as a text diff. Promise: pure, no colours: each line starts with ``+``, ``-`` or a space, so any pager can."""

from __future__ import annotations

from collections.abc import Iterator

from postwright.dns.canonical import by_tree
from postwright.dns.plan import Change, Conflict, DnsPlan, ZonePlan


def lines(plan: DnsPlan) -> tuple[str, ...]:
    """The diff, zone by zone; values that stay in a touched RRset are shown as context. Empty for an empty plan."""
    return tuple(line for zone in plan.zones if not zone.is_empty for line in _zone(zone))


def _zone(zone: ZonePlan) -> Iterator[str]:
    yield f"  zone {zone.zone}"
    late = {(change.name, change.type) for change in zone.subtractive}
    for change in sorted(zone.net, key=lambda change: (by_tree(change.name), change.type)):
        yield from _change(change, late=(change.name, change.type) in late)
    for conflict in zone.conflicts:
        yield from _conflict(conflict)


def _change(change: Change, *, late: bool) -> Iterator[str]:
    """Without an overlap of old and new, a TTL that changes shows on every value."""
    stay = set() if change.retimed else set(change.old) & set(change.new)
    for value in change.old:
        if value not in stay:
            yield _line("-", change, change.old_ttl, value) + ("  ; after the hosts are proven" if late else "")
    for value in change.new:
        yield _line(" " if value in stay else "+", change, change.ttl, value)


def _line(sign: str, change: Change | Conflict, ttl: int | None, value: str) -> str:
    return f"{sign} {change.name}. {'' if ttl is None else f'{ttl} '}{change.type} {value}"


def _conflict(conflict: Conflict) -> Iterator[str]:
    yield f"  conflict at {conflict.name} {conflict.type}: {conflict.reason}"
    for label, values in (("there", conflict.live), ("we wrote", conflict.base), ("we want", conflict.desired)):
        for value in values:
            yield f"    {label}: {value}"
