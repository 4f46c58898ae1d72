"""What a lane does after a reply: slower, a suspension, a recovery by one connection, a stop.

Pure: time comes in as seconds since the epoch. A suspension ends at its time and is never shortened by another reply;
a stop waits for a person, whatever comes after it. The recovery is Google's (support.google.com/mail/answer/81126, on
421 4.7.28): nothing for ten minutes, then one connection; if that fails ten more minutes; then one more at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, get_args

from . import fields
from .rule import MINUTE, Effect, Rule

Mode = Literal["normal", "slow", "suspended", "recovering", "stopped", "paused"]
Hits = tuple[tuple[str, float], ...]

_WAIT = 10 * MINUTE  # after a failed recovery
_STEP = 5  # messages delivered in a row for one more connection


def _optional(value: Any) -> bool:
    return value is None or (fields.whole(value) and value > 0)


def _hit(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and fields.text(value[0]) and fields.moment(value[1])  # noqa: PLR2004


@dataclass(frozen=True)
class Reaction:
    """How a lane is held back now.

    ``until``: when the mode ends (0: not by itself). ``per_minute``: messages, ``in_flight``: at once, None for no limit
    of its own; on a suspension ``in_flight`` says that a recovery follows. ``hits``: replies counted towards an effect,
    as (rule's id, time). ``successes``: in this step of a recovery.
    """

    mode: Mode = "normal"
    until: float = 0.0
    per_minute: int | None = None
    in_flight: int | None = None
    reason: str = ""
    hits: Hits = ()
    successes: int = 0

    @property
    def open(self) -> bool:
        """Whether anything may leave now. Ask after at(): time alone opens a lane only there."""
        return self.mode in {"normal", "slow", "recovering"}

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"hits": [list(hit) for hit in self.hits]}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises ValueError that names every problem."""
        given = fields.read("reaction", data, _CHECKS)
        missing = [key for key in _NEEDED.get(given.get("mode", ""), ()) if not given.get(key)]
        if missing:
            raise ValueError(f"reaction: {given['mode']} without {' and '.join(missing)}")
        return cls(**given | {"hits": tuple((str(rule), float(time)) for rule, time in given.get("hits", ()))})


_NEEDED = {"slow": ("until",), "suspended": ("until",), "recovering": ("in_flight",)}
_CHECKS: Mapping[str, fields.Check] = {
    "mode": lambda value: value in get_args(Mode),
    "until": fields.moment,
    "per_minute": _optional,
    "in_flight": _optional,
    "reason": fields.text,
    "hits": lambda value: isinstance(value, list | tuple) and all(map(_hit, value)),
    "successes": fields.whole,
}


def on_reply(reaction: Reaction, rule: Rule, now: float) -> tuple[Reaction, str]:
    """The reaction after a reply that this rule matched, and what changed, in words.

    "" if the lane goes on as it did; the reaction may differ even then: a hit counted, a suspension extended.
    """
    before = at(reaction, now)
    if rule.effect is None or before.mode == "stopped":
        return before, ""
    after = _counted(before, rule, rule.effect, now)
    slower = after.mode == "slow" and _pace(after) != _pace(before)
    return after, after.reason if after.mode != before.mode or slower else ""


def on_success(reaction: Reaction, now: float, connections: int) -> Reaction:
    """After a delivery: a recovering lane gets one connection more for each few, until it has ``connections``."""
    here = at(reaction, now)
    if here.mode != "recovering":
        return here
    if here.successes + 1 < _STEP:
        return replace(here, successes=here.successes + 1)
    width = (here.in_flight or 1) + 1
    return Reaction(hits=here.hits) if width > connections else replace(here, in_flight=width, successes=0)


def at(reaction: Reaction, now: float) -> Reaction:
    """The reaction once time has passed: what is over has ended, a suspension perhaps in a recovery."""
    if reaction.mode in {"normal", "recovering", "stopped"} or not 0 < reaction.until <= now:
        return reaction
    if reaction.mode != "slow" and reaction.in_flight is not None:
        return Reaction("recovering", in_flight=1, reason=reaction.reason, hits=reaction.hits)
    return Reaction(hits=reaction.hits)


def paused(reaction: Reaction, reason: str, until: float | None = None) -> Reaction:
    """A person's pause, until a time or until resumed().

    It does not loosen what is there: a stop stays a stop, and a suspension that would last longer still does.
    """
    if reaction.mode == "stopped":
        return reaction
    ends = 0.0 if until is None else max(until, reaction.until if reaction.mode == "suspended" else 0.0)
    return Reaction("paused", ends, in_flight=_recovery(reaction), reason=reason, hits=reaction.hits)


def resumed(reaction: Reaction) -> Reaction:
    """A person opens the lane, whatever closed it; after a stop, once the cause is removed.

    What the provider had closed comes back by one connection.
    """
    blocked = reaction.mode == "stopped" or (
        reaction.mode in {"suspended", "paused"} and reaction.in_flight is not None
    )
    return Reaction("recovering", in_flight=1, reason="resumed by a person") if blocked else Reaction()


def _recovery(reaction: Reaction) -> int | None:
    """What a suspension must remember: that the lane was held back before, so it comes back by one connection."""
    return 1 if reaction.mode in {"slow", "recovering"} or reaction.in_flight is not None else None


def _counted(reaction: Reaction, rule: Rule, effect: Effect, now: float) -> Reaction:
    recent = [(name, time) for name, time in reaction.hits if name != rule.id or 0 <= now - time < effect.within]
    hits = (*recent, (rule.id, now))
    failed = reaction.mode == "recovering" and effect.do != "stop"
    if not failed and sum(name == rule.id for name, _ in hits) < effect.hits:
        return replace(reaction, hits=hits)
    left = tuple(hit for hit in hits if hit[0] != rule.id)
    return _effected(replace(reaction, hits=left), rule, effect, now)


def _effected(reaction: Reaction, rule: Rule, effect: Effect, now: float) -> Reaction:
    reason = f"{rule.id}: {_words(effect)}"
    if effect.do == "stop":
        return Reaction("stopped", reason=reason, hits=reaction.hits)
    if effect.do != "slow":
        return _suspended(reaction, effect, reason, now + effect.duration)
    if reaction.mode != "recovering":
        return _slowed(reaction, effect, reason, now)
    reason = f"{rule.id}: the recovery failed, nothing for {_WAIT // MINUTE} min"
    return _suspended(reaction, effect, reason, now + _WAIT)


def _suspended(reaction: Reaction, effect: Effect, reason: str, until: float) -> Reaction:
    width = 1 if effect.do == "recover" else _recovery(reaction)
    if reaction.mode == "paused":
        return replace(reaction, until=max(reaction.until, until) if reaction.until else 0.0, in_flight=width)
    ends = max(until, reaction.until if reaction.mode == "suspended" else 0.0)
    return Reaction("suspended", ends, in_flight=width, reason=reason, hits=reaction.hits)


def _slowed(reaction: Reaction, effect: Effect, reason: str, now: float) -> Reaction:
    if reaction.mode in {"suspended", "paused"}:
        return replace(reaction, in_flight=1)
    return Reaction(
        "slow",
        max(reaction.until, now + effect.duration),
        _least(reaction.per_minute, effect.per_minute),
        _least(reaction.in_flight, effect.in_flight),
        reason,
        reaction.hits,
    )


def _pace(reaction: Reaction) -> tuple[int | None, int | None]:
    return reaction.per_minute, reaction.in_flight


def _words(effect: Effect) -> str:
    if effect.do == "stop":
        return "nothing until a person resumes"
    time = f"{effect.duration // MINUTE} min"
    if effect.do == "slow":
        limits = [(effect.per_minute, "a minute"), (effect.in_flight, "at once")]
        return f"at most {' and '.join(f'{number} {what}' for number, what in limits if number)} for {time}"
    return f"nothing for {time}" + (", then by one connection" if effect.do == "recover" else "")


def _least(one: int | None, other: int | None) -> int | None:
    return min((it for it in (one, other) if it is not None), default=None)
