"""A warm-up plan: how many messages an address may send to one provider, stage by stage.

Pure. A plan is data: a name, a unit, numbers, where they come from. Each published number counts the messages of one
address to all receivers; here each provider gets the whole number, since a provider sees only its own share. Stages
count sending days, not calendar days; what leads from one to the next stands in stages.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

Override = tuple[int, ...] | float


@dataclass(frozen=True)
class Limits:
    """Messages per clock hour and per UTC day; None: unlimited."""

    hour: int | None
    day: int | None


@dataclass(frozen=True)
class Plan:
    """One plan. ``stages``: messages per ``unit`` and provider, in the order of sending days, none smaller than before.

    ``hour_share``: of a day's number, what one hour may take (day plans only). ``after``: beyond the last stage there
    is no limit (warm), or the last stays. ``idle_days``: after more days without mail the plan goes back to
    ``idle_stage`` (0-based). ``overrides``: a provider's own stages, or a factor on all of them. ``source``: a page.
    """

    name: str
    unit: Literal["hour", "day"]
    stages: tuple[int, ...]
    hour_share: float = 0.2
    after: Literal["warm", "stay"] = "warm"
    idle_days: int = 30
    idle_stage: int = 0
    overrides: Mapping[str, Override] = field(default_factory=dict, hash=False)
    source: str = ""

    def numbers(self, provider: str) -> tuple[int, ...]:
        """The stages of one provider; a factor rounds down, but never below 1."""
        own = self.overrides.get(provider, 1.0)
        if isinstance(own, tuple):
            return own
        factor = _exact(own)
        return tuple(max(1, math.floor(number * factor)) for number in self.stages)

    def length(self, provider: str) -> int:
        """How many stages the plan has for this provider."""
        return len(self.numbers(provider))

    def top(self, provider: str) -> int:
        """The highest stage a lane can stand at; for ``warm`` that is the one behind the last."""
        return self.length(provider) - (self.after == "stay")

    def limits(self, stage: int, provider: str) -> Limits:
        """What may leave at this stage (0-based; less counts as 0, more as the highest)."""
        numbers = self.numbers(provider)
        at = min(max(stage, 0), self.top(provider))
        if at == len(numbers):
            return Limits(None, None)
        if self.unit == "hour":
            return Limits(numbers[at], None)
        return Limits(max(1, math.ceil(numbers[at] * _exact(self.hour_share))), numbers[at])

    def capacity(self, stage: int, provider: str) -> int | None:
        """Messages in a whole day at this stage; None: unlimited."""
        limits = self.limits(stage, provider)
        return limits.hour * 24 if limits.day is None and limits.hour is not None else limits.day


def _exact(number: float) -> Fraction:
    """The number as it was written: 0.07 of 100 is 7, not 7.000000000000001."""
    return Fraction(str(number))
