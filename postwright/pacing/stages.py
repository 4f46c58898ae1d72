"""When a lane advances, holds or steps back: one judgement at the end of each UTC day.

Pure. The rules are those of SparkPost (over 90 % of the stage delivered), Braze (hold on bounces and complaints),
SendBolt (step back at 5 % bounces or 0.3 % complaints) and StrongGrid (sending days count, not calendar days). Never
more than one stage a day, and none on a day that did not fill its budget: an unused stage proves nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from . import fields
from .plan import Limits, Plan
from .providers import OTHER, UNKNOWN

_BLOCKED_DAYS = 2  # on which a provider blocked us, one after another, until the lane steps back


def _day(value: Any) -> bool:
    try:
        return value == "" or (isinstance(value, str) and date.fromisoformat(value).isoformat() == value)
    except ValueError:
        return False


@dataclass(frozen=True)
class Standing:
    """Where a lane stands.

    ``stage``: 0-based. ``last_day``: the last judged sending day; ``since``: the day the stage was reached or a person
    set it (both ISO, UTC; "" for never). ``bad_days``: sending days in a row on which the provider blocked us.
    """

    stage: int = 0
    last_day: str = ""
    bad_days: int = 0
    since: str = ""

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises ValueError that names every problem."""
        checks = {"stage": fields.whole, "last_day": _day, "bad_days": fields.whole, "since": _day}
        return cls(**fields.read("standing", data, checks))


@dataclass(frozen=True)
class Day:
    """One lane's UTC day.

    ``used``: messages that took a token of the budget. ``filled``: see filled(). The others count messages with a
    result that day, each once: ``attempted`` in all, then by their last result (``throttled``: a reply of kind rate,
    ``blocked``: of kind block, ``bounced``: given up for another reason); ``complaints`` as they came in that day.
    """

    day: str
    used: int
    filled: bool
    attempted: int
    delivered: int
    throttled: int
    bounced: int
    complaints: int
    blocked: int


@dataclass(frozen=True)
class Thresholds:
    """What a day must reach; shares from 0 to 1.

    ``used``: of a limit, to have filled it. ``delivered``: at least this of the attempted. ``bounced``, ``throttled``
    (of the attempted), ``complaints`` (of the delivered): less than this, or hold; ``back_``: more than (complaints:
    from) this on, step back. One complaint alone only holds. ``sample``: messages attempted, below which a day's shares tell nothing.
    """

    used: float = 0.9
    delivered: float = 0.9
    bounced: float = 0.03
    throttled: float = 0.05
    complaints: float = 0.001
    back_bounced: float = 0.05
    back_complaints: float = 0.003
    sample: int = 50

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises ValueError that names every problem."""
        shares = dict.fromkeys((field.name for field in dataclasses.fields(cls)), fields.share)
        made = cls(**fields.read("thresholds", data, shares | {"sample": fields.whole}))
        wrong = [name for name in ("bounced", "complaints") if getattr(made, name) > getattr(made, f"back_{name}")]
        if wrong:
            raise ValueError("thresholds: " + "; ".join(f"back_{name}: less than {name}" for name in wrong))
        return made


def filled(limits: Limits, day_used: int, busiest_hour: int, thresholds: Thresholds) -> bool:
    """Whether the day felt its limit: most of the day's budget is used, or of one hour's in a plan by the hour."""
    used, limit = (busiest_hour, limits.hour) if limits.day is None else (day_used, limits.day)
    return limit is not None and used >= thresholds.used * limit


def judged(plan: Plan, provider: str, standing: Standing, day: Day, thresholds: Thresholds) -> tuple[Standing, str]:
    """The standing after this day, and why, in words ("" for a warm lane whose day went well).

    A day does not count (unchanged, "") if nothing took a token, or if it is not after the last one judged: asked
    twice, or the clock was set back. Complaints often come days after the mail: add those of days without mail to the
    next day that counts.
    """
    if day.used <= 0 or day.day <= standing.last_day:
        return standing, ""
    stage = min(standing.stage, plan.top(provider))
    bad_days = standing.bad_days + 1 if _blocked(day, provider, thresholds) else 0
    back = list(_back(plan, provider, stage, day, thresholds))
    if bad_days >= _BLOCKED_DAYS:
        back.append(f"blocked on {bad_days} sending days")
    if back:
        return _moved(standing, day, max(0, stage - 1), 0), "steps back: " + ", ".join(back)
    hold = list(_hold(day, thresholds, blocked=bad_days > 0)) if stage < plan.length(provider) else []
    if hold:
        return _moved(standing, day, stage, bad_days), "holds: " + ", ".join(hold)
    if stage == plan.top(provider):
        return _moved(standing, day, stage, bad_days), "stays at the last stage" if stage < plan.length(
            provider
        ) else ""
    return _moved(standing, day, stage + 1, 0), "advances: the stage was used and went well"


def rested(plan: Plan, standing: Standing, today: str) -> tuple[Standing, str]:
    """Back to the idle stage after more than ``idle_days`` without mail: receivers forget in about 30 days.

    So say SendGrid and Braze. Asked before the first message of a day; unchanged and "" if nothing is due.
    """
    last = max(standing.last_day, standing.since)
    if not last or standing.stage <= plan.idle_stage:
        return standing, ""
    idle = (date.fromisoformat(today) - date.fromisoformat(last)).days
    if idle <= plan.idle_days:
        return standing, ""
    return Standing(
        plan.idle_stage, standing.last_day, 0, today
    ), f"back to stage {plan.idle_stage + 1}: {idle} days without mail"


def _moved(standing: Standing, day: Day, stage: int, bad_days: int) -> Standing:
    return Standing(stage, day.day, bad_days, standing.since if stage == standing.stage else day.day)


def _blocked(day: Day, provider: str, limits: Thresholds) -> bool:
    """Whether the provider shut us out that day; of many receivers in one class a few always do."""
    many = provider in {OTHER, UNKNOWN}
    return day.blocked > (limits.bounced * day.attempted if many else 0)


def _back(plan: Plan, provider: str, stage: int, day: Day, limits: Thresholds) -> Iterator[str]:
    capacity = plan.capacity(stage, provider)
    least = limits.sample if capacity is None else min(limits.sample, capacity)
    if day.attempted < min(least, _sample(day, limits)):
        return
    if day.bounced > limits.back_bounced * day.attempted:
        yield f"{_share(day.bounced, day.attempted)} bounced, more than {limits.back_bounced:.2%}"
    if day.complaints > 1 and day.complaints >= limits.back_complaints * day.delivered:
        yield f"{_share(day.complaints, day.delivered)} complained, from {limits.back_complaints:.2%} on"


def _hold(day: Day, limits: Thresholds, *, blocked: bool) -> Iterator[str]:
    if blocked:
        yield f"{day.blocked} blocked"
    if not day.filled:
        yield "the budget was not used"
    if day.attempted < _sample(day, limits):
        yield f"{day.attempted} attempted, fewer than {_sample(day, limits)}"
        return
    if day.delivered < limits.delivered * day.attempted:
        yield f"{_share(day.delivered, day.attempted)} delivered, less than {limits.delivered:.2%}"
    for count, most, total, what in (
        (day.bounced, limits.bounced, day.attempted, "bounced"),
        (day.throttled, limits.throttled, day.attempted, "deferred for their rate"),
        (day.complaints, limits.complaints, day.delivered, "complained"),
    ):
        if count and count >= most * total:
            yield f"{_share(count, total)} {what}, from {most:.2%} on"


def _sample(day: Day, limits: Thresholds) -> int:
    """How many attempts a day needs to be judged; a filled day of a small budget is as much as there can be."""
    return min(limits.sample, max(1, math.ceil(limits.used * day.used))) if day.filled else limits.sample


def _share(count: int, total: int) -> str:
    return f"{count / max(total, 1):.2%}"
