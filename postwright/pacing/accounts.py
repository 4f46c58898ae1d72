"""What is known in memory of each budget and each lane. The database is the truth: all here can be loaded again from it.

Pure. An Account counts tokens of its two windows; a LaneState adds what may stop a lane beside its budget.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from . import windows
from .config import DomainBudget, Lane
from .plan import Limits, Plan
from .reactions import Reaction
from .stages import Standing

MINUTE = 60


@dataclass
class Account:
    """A budget: of a lane, or of a sender's domain at one provider. ``plan`` None: warm for ever, nothing is counted.

    ``warm``: a person said so. ``hour`` and ``day`` are the tokens taken in the windows numbered ``at``.
    """

    name: str
    plan: Plan | None
    provider: str
    start: float = 0.0
    share: tuple[int, int] = (1, 1)
    standing: Standing = field(default_factory=Standing)
    warm: bool = False
    limits: Limits = windows.UNLIMITED
    hour: int = 0
    day: int = 0
    at: tuple[int, int] = (0, 0)
    dirty: bool = False

    @classmethod
    def of_lane(cls, lane: Lane) -> Account:
        return cls(lane.name, lane.plan, lane.provider.name, lane.start)

    @classmethod
    def of_domain(cls, budget: DomainBudget) -> Account:
        return cls(budget.name, budget.plan, budget.provider, budget.start, budget.share)

    def stand(self, standing: Standing, *, warm: bool = False) -> None:
        """Take a stage, and the limits that go with it."""
        self.standing, self.warm = standing, warm
        if self.plan is None or warm:
            self.limits = windows.UNLIMITED
        else:
            self.limits = windows.part_of(self.plan.limits(standing.stage, self.provider), *self.share)

    @property
    def limited(self) -> bool:
        """Whether tokens are counted at all."""
        return self.limits.hour is not None or self.limits.day is not None

    def begun(self, now: float) -> bool:
        return now >= self.start

    def room(self, now: float) -> float:
        """Tokens left now; none before the plan begins."""
        return windows.room(self.limits, self.hour, self.day) if now >= self.start else 0

    def left(self) -> float:
        return windows.share_left(self.limits, self.hour, self.day)

    def wait(self, ahead: int, now: float) -> float:
        before = max(0.0, self.start - now)
        return before + windows.wait(self.limits, self.hour, self.day, ahead, now + before)

    def take(self, count: int = 1) -> None:
        self.hour += count
        self.day += count
        self.dirty = True

    def give_back(self, hour: int, day: int) -> None:
        """A token of those windows was not used; it only counts if they are still the present ones."""
        self.hour = max(0, self.hour - (hour == self.at[0]))
        self.day = max(0, self.day - (day == self.at[1]))
        self.dirty = True

    def to_json(self) -> dict[str, Any]:
        """The standing with what is needed to read it under another plan."""
        length = self.plan.length(self.provider) if self.plan else 0
        told: dict[str, Any] = {"standing": self.standing.to_json(), "warm": self.warm, "length": length}
        if self.plan:
            told |= {"plan": self.plan.name, "day": self.plan.capacity(self.standing.stage, self.provider)}
        return told

    def restore(self, data: dict[str, Any]) -> None:
        """Stand where ``to_json`` says; if the plan has shrunk, at its last stage, and warm only if that was reached.

        In another plan a stage has another number: there it is the one that allows as much in a day, or a little less.
        """
        standing = Standing.of_json(data["standing"])
        if self.plan is not None:
            length = self.plan.length(self.provider)
            reached = standing.stage >= int(data.get("length", length))
            most = self.plan.top(self.provider) if reached else length - 1
            other = data.get("plan", self.plan.name) != self.plan.name
            stage = _last_within(self.plan, self.provider, data["day"]) if other else standing.stage
            standing = dataclasses.replace(standing, stage=max(0, min(stage, most)))
        self.stand(standing, warm=bool(data.get("warm")))


def _last_within(plan: Plan, provider: str, day: int | None) -> int:
    """The last stage that allows no more in a day (None: the one behind the last), else the first."""
    if day is None:
        return plan.top(provider)
    allowed = [plan.capacity(stage, provider) for stage in range(plan.length(provider))]
    return max((stage for stage, most in enumerate(allowed) if most is not None and most <= day), default=0)


@dataclass
class LaneState:
    """A lane at work.

    ``outstanding``: id -> when it was passed; no result is known yet. ``waiting``: held messages by the name of their domain budget ("" for none). ``rowless``: those of ``outstanding`` that have no row in the database.

    ``here``: whether its address is on the host.
    """

    lane: Lane
    account: Account
    most: int
    reaction: Reaction = field(default_factory=Reaction)
    outstanding: dict[str, float] = field(default_factory=dict)
    rowless: set[str] = field(default_factory=set)
    waiting: dict[str, int] = field(default_factory=dict)
    minute: int = 0
    minute_used: int = 0
    here: bool = True

    @property
    def name(self) -> str:
        return self.lane.name

    @property
    def open(self) -> bool:
        """Whether anything may leave now, as far as its reaction and its address go."""
        return self.here and self.reaction.open

    def usable(self, now: float) -> bool:
        """Whether it can take mail at all, be it only to hold it until budget comes."""
        return self.open and now >= self.account.start

    def free(self, now: float) -> float:
        """Messages that may leave now as far as the lane itself goes, its budget aside; 0 if it is not open."""
        if not self.usable(now):
            return 0
        most: float = self.most if self.reaction.in_flight is None else min(self.most, self.reaction.in_flight)
        return max(0, min(most - len(self.outstanding), self._minute_room(now)))

    def _minute_room(self, now: float) -> float:
        rates = [rate for rate in (self.lane.provider.per_minute, self.reaction.per_minute) if rate is not None]
        if not rates:
            return math.inf
        used = self.minute_used if self.minute == int(now // MINUTE) else 0
        return min(rates) - used

    def leave(self, queue_id: str, now: float, real: float, *, row: bool = True) -> None:
        """A message leaves by this lane."""
        self.outstanding[queue_id] = real
        if not row:
            self.rowless.add(queue_id)
        minute = int(now // MINUTE)
        if minute != self.minute:
            self.minute, self.minute_used = minute, 0
        self.minute_used += 1

    def back(self, queue_id: str) -> bool:
        """A result came, or none ever will; whether the message was outstanding."""
        self.rowless.discard(queue_id)
        return self.outstanding.pop(queue_id, None) is not None

    def wait_more(self, budget: str, count: int) -> None:
        number = self.waiting.get(budget, 0) + count
        if number > 0:
            self.waiting[budget] = number
        else:
            self.waiting.pop(budget, None)

    @property
    def held(self) -> int:
        return sum(self.waiting.values())

    def wait(self, now: float) -> float:
        """Seconds a message held now would wait, roughly."""
        closed = 0.0 if self.here else windows.NEVER
        if not self.reaction.open:
            closed += max(0.0, self.reaction.until - now) if self.reaction.until else windows.NEVER
        return closed + self.account.wait(self.held, now)
