"""When a plan reaches a volume, how its days look, and how long a backlog takes.

Pure. All of it is the best case: mail goes out on every day, each day fills its stage and goes well (stages.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from .plan import Limits, Plan

_FARTHEST = 1000  # days a backlog is followed
_HOURS = 24


@dataclass(frozen=True)
class ForecastDay:
    """One sending day, counted from 1.

    ``stage``: from 1, None when warm. ``hour``, ``day``: messages, None: unlimited. ``total``: messages up to its end,
    None once a day has no limit.
    """

    number: int
    stage: int | None
    hour: int | None
    day: int | None
    total: int | None


def reach(plan: Plan, provider: str, volume: int, stage: int = 0) -> int | None:
    """The sending day, counted from 1, on which ``volume`` messages a day first fit; None: they never do.

    ``stage`` (0-based) is where the first of these days stands.
    """
    fitting = (
        at for at in range(stage, max(stage, plan.top(provider)) + 1) if _fits(plan.capacity(at, provider), volume)
    )
    first = next(fitting, None)
    return None if first is None else first - stage + 1


def table(plan: Plan, provider: str, days: int, stage: int = 0) -> list[ForecastDay]:
    """The next ``days`` sending days, from a stage (0-based) on."""
    rows: list[ForecastDay] = []
    total: int | None = 0
    for number in range(1, days + 1):
        at = min(stage + number - 1, plan.top(provider))
        capacity = plan.capacity(at, provider)
        total = None if total is None or capacity is None else total + capacity
        name = None if at == plan.length(provider) else at + 1
        rows.append(ForecastDay(number, name, plan.limits(at, provider).hour, capacity, total))
    return rows


def drain(plan: Plan, provider: str, stage: int, backlog: int, arriving_per_day: int) -> int | None:
    """Hours, from the start of a day at ``stage`` (0-based) on, until new mail waits no more; None: not in 1000 days.

    What arrives is spread evenly over the day, and what waits goes first.
    """
    waiting = backlog
    for day in range(_FARTHEST):
        hours, waiting = _drained(
            plan.limits(stage, provider), plan.capacity(stage, provider), waiting, arriving_per_day
        )
        if not waiting:
            return day * _HOURS + hours
        stage = min(stage + 1, plan.top(provider))
    return None


def _fits(capacity: int | None, volume: int) -> bool:
    return capacity is None or capacity >= volume


def _drained(limits: Limits, left: int | None, waiting: int, arriving: int) -> tuple[int, int]:
    """One day: the hours up to the last that began with mail waiting, and what waits at its end."""
    hours = 0
    for hour in range(_HOURS):
        hours = hour + 1 if waiting else hours
        waiting += arriving * (hour + 1) // _HOURS - arriving * hour // _HOURS
        sent = min(it for it in (waiting, limits.hour, left) if it is not None)
        waiting -= sent
        left = None if left is None else left - sent
    return hours, waiting
