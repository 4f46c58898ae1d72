"""How long held mail waits, by what the agents say now and what plans allow. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from postwright.inventory import Project
from postwright.pacing import forecast
from postwright.pacing.plans import Plan
from postwright.warmup.budgets import plan_named
from postwright.warmup.fleetwide import FleetStatus, mark, meaning, state
from postwright.warmup.lanes import Lane
from postwright.warmup.outlook_text import duration
from postwright.warmup.table import Column, Row, folded, layout
from postwright.warmup.wording import Line, number


@dataclass(frozen=True)
class Waiting:
    """One lane. ``hours``: until its held mail is gone; None: not by itself. ``sending_days``: until the volume fits.

    ``stage``: counted from 1, None is warm.
    """

    host: str
    address: str
    provider: str
    stage: int | None
    held: int
    hours: int | None
    sending_days: int | None
    state: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def waiting(project: Project, status: FleetStatus, volume: int | None) -> list[tuple[Lane, Waiting]]:
    """All lanes that hold mail, or, if a volume is asked for, all that follow a plan."""
    lanes = [it for it in status.lanes if it.held or (volume and it.stage is not None)]
    return [(it, _waiting(it, plan_named(project, it.plan), volume)) for it in lanes]


def _waiting(it: Lane, plan: Plan | None, volume: int | None) -> Waiting:
    """A lane that is warm has no budget to wait for: what it holds leaves at once, if it is open."""
    stage = None if plan is None else plan.top(it.provider) if it.stage is None else it.stage - 1
    hours: int | None = 0
    reached: int | None = None
    if plan is not None and stage is not None:
        hours = forecast.drain(plan, it.provider, stage, it.held, volume or 0)
        reached = forecast.reach(plan, it.provider, volume, stage) if volume else None
    return Waiting(it.host, it.address, it.provider, it.stage, it.held, None if it.shut else hours, reached, state(it))


def lines(found: Sequence[tuple[Lane, Waiting]], volume: int | None, width: int) -> Iterator[Line]:
    """A table of it."""
    if not found:
        yield Line("nothing is held")
        return
    columns = [Column("host", right=False), Column("address", right=False), Column("provider", right=False)]
    columns += [Column("stage"), Column("held"), Column("time", right=False)]
    columns += [Column(f"{number(volume)} a day", right=False)] if volume else []
    rows = [_row(it, each, volume) for it, each in found]
    table = layout(tuple(columns), rows, width)
    yield from folded("By the stages and the held mail of now", width, "heading")
    yield from table.heading()
    for row in rows:
        yield from table.row(row)


def _row(it: Lane, each: Waiting, volume: int | None) -> Row:
    stage = "warm" if it.stage is None else f"{it.stage}/{it.stages}"
    gone = f"{each.state}: nothing leaves" if it.shut else duration(each.hours) if it.held else ""
    cells = (it.host, it.address, it.provider, stage, number(it.held), gone)
    return Row((*cells, *([_fits(each.sending_days)] if volume else [])), "", meaning(it), mark(it))


def _fits(days: int | None) -> str:
    return "never" if days is None else "now" if days == 1 else f"in {number(days - 1)} sending days"
