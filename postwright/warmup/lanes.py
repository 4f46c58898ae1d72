"""What an agent says of its lanes and domain budgets, as values. Pure.

Promise: whatever an agent of another version leaves out, or says in another type, reads as "nothing said" and is no
error: an operator who asks in an emergency gets what there is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from postwright.pacing.config import DEFAULT
from postwright.warmup.wording import plain, used_of

# How bad it is, worst first: who must act, who should look, and what passes by itself.
_TROUBLE = {"stopped": 4, "absent": 3, "suspended": 3, "paused": 2, "recovering": 1, "slow": 1}

_NOT_TAKEN = ("deferred", "throttled", "blocked")  # each message is in one of them, by its last result
SHUT = ("stopped", "suspended", "paused", "absent")


@dataclass(frozen=True)
class Budget:
    """Messages of an hour or a day. ``limit`` None: as many as there are."""

    used: int = 0
    limit: int | None = None

    def __str__(self) -> str:
        return used_of(self.used, self.limit)

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True)
class Lane:
    """One address with one provider of a host, or a domain budget of it (then ``domain`` is not empty).

    ``stage`` counts from 1; None is warm. ``deferred``: not taken today, for whatever reason but its recipient.
    ``oldest``: for how many seconds the oldest held message has waited. ``until``: seconds since the epoch, as the host's
    clock has it, which is ``now``. ``pool``: its address's, "" for the one of all that say none; ``streams``: those whose
    mail may leave from it.
    """

    host: str
    name: str
    address: str
    provider: str
    domain: str
    plan: str
    stage: int | None
    stages: int | None
    hour: Budget
    day: Budget
    held: int
    oldest: float | None
    outstanding: int
    delivered: int
    deferred: int
    mode: str
    until: float | None
    reason: str
    next: str
    now: float
    pool: str = ""
    streams: tuple[str, ...] = ()

    @property
    def trouble(self) -> int:
        """0: nothing is wrong; up to 4: a person has to act."""
        return _TROUBLE.get(self.mode, 0)

    @property
    def shut(self) -> bool:
        """Whether nothing leaves at all."""
        return self.mode in SHUT

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell of it but its budget."""
        counts = (self.hour.used, self.day.used, self.held, self.outstanding, self.deferred, self.trouble)
        return not any(counts)


def lane(host: str, now: float, data: Mapping[str, Any], wall: float | None = None) -> Lane:
    """A lane as its host tells of it. ``now``: by the clock budgets go by; ``wall``: by that of mail, where it is another."""
    limits, used, today = (mapping(data.get(key)) for key in ("limits", "used", "today"))
    held, since = _count(data.get("held")), _real(data.get("oldest_held"))
    stage = _whole(data.get("stage"))
    mode, attempted = plain(data.get("mode")) or "normal", _count(today.get("attempted"))
    return Lane(
        host=host,
        name=plain(data.get("lane")),
        address=plain(data.get("address")),
        provider=plain(data.get("provider")) or "all",
        domain=plain(data.get("domain")) or _domain(plain(data.get("lane"))),
        plan=plain(data.get("plan")),
        stage=stage,
        stages=_whole(data.get("stages")),
        hour=Budget(_count(used.get("hour")), _whole(limits.get("hour"))),
        # What follows no plan takes no tokens: what is known of it are results.
        day=Budget(max(_count(used.get("day")), 0 if data.get("plan") else attempted), _whole(limits.get("day"))),
        held=held,
        oldest=max(0.0, (wall or now) - since) if held and since is not None else None,
        outstanding=_count(data.get("outstanding")),
        delivered=_count(today.get("delivered")),
        deferred=sum(_count(today.get(key)) for key in _NOT_TAKEN),
        mode=_shown_mode(mode, warm=stage is None),
        until=_real(data.get("until")) or None,
        reason=plain(data.get("reason")),
        next=plain(data.get("next")),
        now=now,
        pool="" if data.get("pool") == DEFAULT else plain(data.get("pool")),
        streams=_names(data.get("streams")),
    )


def _names(value: Any) -> tuple[str, ...]:
    return tuple(filter(None, map(plain, value))) if isinstance(value, list) else ()


def _domain(name: str) -> str:
    """The account of a domain budget is ``domain/provider``; no lane has a slash in its name."""
    return name.partition("/")[0] if "/" in name else ""


def _shown_mode(mode: str, *, warm: bool) -> str:
    """``normal`` says little to who reads it."""
    return mode if mode != "normal" else "warm" if warm else "paced"


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """The mappings of a list; empty if it is none."""
    return [it for it in value if isinstance(it, Mapping)] if isinstance(value, list | tuple) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _real(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None


def _whole(value: Any) -> int | None:
    found = _real(value)
    return None if found is None else int(found)


def _count(value: Any) -> int:
    return max(0, _whole(value) or 0)
