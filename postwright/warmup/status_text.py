"""``warmup status`` as lines for a terminal of any width: what is wrong first, then sums, then lane by lane. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from postwright.pacing.config import DEFAULT
from postwright.warmup.fleetwide import FleetStatus, HostStatus, mark, meaning
from postwright.warmup.lanes import Lane
from postwright.warmup.table import Column, Layout, Row, folded, layout
from postwright.warmup.wording import Line, age, number

_COLUMNS = (
    Column("provider", right=False),
    Column("stage"),
    Column("hour"),
    Column("today"),
    Column("held"),
    Column("oldest"),
    Column("out"),
    Column("deferred"),
    Column("state", right=False),
)


def lines(status: FleetStatus, width: int, *, verbose: bool = False) -> Iterator[Line]:
    """All that is told; ``verbose``: idle lanes one by one, and the last decisions."""
    problems = [it for problem in status.problems() for it in folded(problem.text, width, problem.means)]
    yield from problems
    if status.hosts:
        yield from [Line("")] if problems else []
        yield from folded(summary(status.totals()), width, "heading")
        yield from _tables(status, width, verbose=verbose)
    if verbose:
        for host in status.hosts:
            yield from _decisions(host, width)


def summary(sums: dict[str, Any]) -> str:
    """The fleet in a sentence."""
    cold = f" ({number(sums['sent_of_limit'])} of {number(sums['limit'])} on addresses in warm-up)"
    oldest = sums["oldest_held_seconds"]
    since = "" if oldest is None else f" (the oldest for {age(oldest)})"
    asked = f"{_hosts(sums)}, {_counted(sums['addresses'], 'address', 'addresses')}"
    sent = f"{number(sums['sent_today'])} sent today{cold if sums['limit'] else ''}"
    rest = f"{number(sums['outstanding'])} under way, {number(sums['deferred_today'])} deferred today"
    return f"{asked}: {sent}, {number(sums['held'])} held{since}, {rest}"


def _hosts(sums: dict[str, Any]) -> str:
    asked = sums["hosts"] + sums["failed"]
    return f"{number(sums['hosts'])} of {_counted(asked, 'host')}" if sums["failed"] else _counted(asked, "host")


def _counted(count: int, noun: str, plural: str = "") -> str:
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"


def _tables(status: FleetStatus, width: int, *, verbose: bool) -> Iterator[Line]:
    """A table per address, all with the same columns; then one per host of its domain budgets."""
    tables = [
        _of_address(list(it), verbose=verbose) for host in status.hosts for _, it in groupby(host.lanes, _address)
    ]
    shared = layout(_COLUMNS, [row for table in tables for row in table.rows], width)
    for table in tables:
        yield from _table(table, shared)
    for host in status.hosts:
        rows = [_row(it, f"{it.domain} {it.provider}", "") for it in host.domains]
        yield from (
            _table(_Table(f"{host.host}  budgets of domains", "", rows), layout(_COLUMNS, rows, width)) if rows else ()
        )


def _address(it: Lane) -> str:
    return it.address


@dataclass(frozen=True)
class _Table:
    """``next``: what comes next for every row that says nothing else."""

    title: str
    next: str
    rows: list[Row]


def _table(table: _Table, shared: Layout) -> Iterator[Line]:
    yield Line("")
    yield from folded(table.title, shared.width, "heading")
    yield from folded(table.next and f"next, if not said otherwise: {table.next}", shared.width, "", "  ", "  ")
    yield from shared.heading()
    for row in table.rows:
        yield from shared.row(row)


def _of_address(lanes: list[Lane], *, verbose: bool) -> _Table:
    """A row per lane; idle ones that differ in nothing but their name share one at the end, unless ``verbose``."""
    first = lanes[0]
    title = (
        f"{first.host}  {first.address}  {', '.join(dict.fromkeys(it.plan or 'warm' for it in lanes))}{_pool(first)}"
    )
    shared = _shared_next(lanes)
    alike: dict[tuple[str, ...], list[Lane]] = {}
    for it in lanes:
        key = (*_cells(it, ""), it.reason, it.next) if it.idle and not verbose else (it.name, it.provider)
        alike.setdefault(key, []).append(it)
    groups = sorted(alike.values(), key=lambda them: len(them) > 1)
    rows = [_row(them[0], them[0].provider, shared) if len(them) == 1 else _idle(them, shared) for them in groups]
    return _Table(title, shared, rows)


def _pool(it: Lane) -> str:
    """Whose mail leaves from the address, where that is not just any."""
    streams = f" ({', '.join(it.streams)})" if it.streams else ""
    return f"  pool {it.pool or DEFAULT}{streams}" if it.pool or streams else ""


def _shared_next(lanes: list[Lane]) -> str:
    """What comes next for most of those that follow a plan; empty if that is only one."""
    found = Counter(it.next for it in lanes if it.stage).most_common(1)
    return found[0][0] if found and found[0][1] > 1 else ""


def _idle(lanes: list[Lane], shared: str) -> Row:
    first, names = lanes[0], ", ".join(it.provider for it in lanes)
    return Row(
        _cells(first, f"{len(lanes)} idle"), "; ".join(filter(None, (names, first.reason, _next(first, shared))))
    )


def _row(it: Lane, name: str, shared: str) -> Row:
    """The reason of a lane in trouble stands above already, among the problems."""
    said = "" if it.trouble else it.reason
    return Row(_cells(it, name), "; ".join(filter(None, (said, _next(it, shared)))), meaning(it), mark(it))


def _next(it: Lane, shared: str) -> str:
    """What comes next, where that is not what stands above the table."""
    if it.next == shared or (it.stage is None and not it.trouble):
        return ""
    return f"next: {it.next or 'nothing by itself'}"


def _cells(it: Lane, name: str) -> tuple[str, ...]:
    stage = "warm" if it.stage is None else f"{it.stage}/{it.stages}" if it.stages else str(it.stage)
    oldest = age(it.oldest) if it.oldest is not None else ""
    counts = (number(count) if count else "" for count in (it.outstanding, it.deferred))
    hour = str(it.hour) if it.plan else ""  # without a plan nobody counts by the hour
    return name, stage, hour, str(it.day), number(it.held) if it.held else "", oldest, *counts, it.mode


def _decisions(host: HostStatus, width: int) -> Iterator[Line]:
    yield Line("")
    yield from folded(f"{host.host}  last decisions", width, "heading")
    found = host.decisions
    for text in found or ["none yet"]:
        yield from folded(text, width, "", "  ", "      ")
