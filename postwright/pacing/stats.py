"""What became of a day's mail, per lane and per domain budget: each message once, by its last result of that day. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Literal

from .lines import Delivery
from .replies import Rule

Result = Literal["delivered", "deferred", "throttled", "bounced", "blocked"]


@dataclass
class Stats:
    """Messages.

    ``deferred``: put off for another reason than our rate (``throttled``) or a block list (``blocked``). ``bypassed``: passed beyond the budget. ``complaints`` as a person or a feedback loop reported them.
    """

    attempted: int = 0
    delivered: int = 0
    deferred: int = 0
    throttled: int = 0
    bounced: int = 0
    blocked: int = 0
    complaints: int = 0
    bypassed: int = 0
    dirty: bool = False

    def count(self, result: Result, before: Result | None) -> None:
        """A result; ``before``: what the same message's result was earlier today."""
        if before is None:
            self.attempted += 1
        else:
            setattr(self, before, max(0, getattr(self, before) - 1))
        setattr(self, result, getattr(self, result) + 1)
        self.dirty = True

    def numbers(self) -> dict[str, int]:
        return {it.name: getattr(self, it.name) for it in fields(self) if it.name != "dirty"}

    def to_json(self) -> str:
        return json.dumps(self.numbers())


def result_of(delivery: Delivery, rule: Rule | None) -> Result:
    """What a delivery counts as. A message that expired was put off to the end: it says nothing about the address."""
    if delivery.status == "sent":
        return "delivered"
    kind = rule.kind if rule else "other"
    if kind == "block":
        return "blocked"
    if kind == "rate":
        return "throttled"
    return "bounced" if delivery.status == "bounced" else "deferred"
