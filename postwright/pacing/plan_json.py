"""Plans as JSON data: of the inventory and of the agent's configuration.

Pure. Every problem of a plan is named at once, each with its key; nothing is guessed or repaired.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from .plan import Override, Plan

_MOST = 10**9  # messages in a stage; more is a slip of the keyboard
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LONGEST = 1000  # stages

Check = Callable[[Any], str | None]  # what is wrong with a value


def to_json(plan: Plan) -> dict[str, Any]:
    """Every key of the plan but its name; plan_of(plan.name, …) gives the same plan back."""
    overrides = {provider: list(own) if isinstance(own, tuple) else own for provider, own in plan.overrides.items()}
    fields = {key: value for key, value in vars(plan).items() if key != "name"}
    return fields | {"stages": list(plan.stages), "overrides": overrides}


def plan_of(name: str, data: object) -> Plan:
    """The plan that ``data`` describes: ``unit`` and ``stages``, the other keys of Plan if they differ from the default.

    Raises ValueError that names every problem, one after another, joined by ``; ``.
    """
    problems = list(_problems(name, data))
    if problems:
        raise ValueError("; ".join(problems))
    given = dict(data)  # type: ignore[call-overload]  # _problems saw that it is a mapping
    given["overrides"] = {provider: _override(own) for provider, own in given.get("overrides", {}).items()}
    return Plan(name, **given | {"stages": tuple(given["stages"])})


def _override(own: Any) -> Override:
    return float(own) if isinstance(own, int | float) else tuple(own)


def _problems(name: object, data: object) -> Iterator[str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"plan {name!r:.80}: a name is lower case letters, digits, - and _"
    if not isinstance(data, Mapping):
        yield f"plan {name!r:.80}: must be a mapping with unit and stages, is a {type(data).__name__}"
        return
    for key in sorted({"unit", "stages"} - set(data)):
        yield f"{key}: missing"
    for key, value in data.items():
        problem = _CHECKS[key](value) if key in _CHECKS else f"unknown key; known are {', '.join(_CHECKS)}"
        if problem:
            yield f"{key if key in _CHECKS else _shown(key)}: {problem}"
    yield from _idle_stage(data)


def _idle_stage(data: Mapping[str, Any]) -> Iterator[str]:
    stage, stages = data.get("idle_stage", 0), data.get("stages")
    if _whole(stage, 0) is None and _stages(stages) is None and stage >= len(stages):  # type: ignore[arg-type]
        yield f"idle_stage: {stage} is behind the last of {len(stages)} stages (the first is 0)"  # type: ignore[arg-type]


def _whole(value: Any, least: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f"must be a whole number, is {_shown(value)}"
    return None if least <= value <= _MOST else f"must be from {least} to {_MOST}, is {_shown(value)}"


def _number(value: Any, most: float) -> str | None:
    # A whole number is finite, and may be too large for the question.
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))):
        return f"must be a number, is {_shown(value)}"
    return None if 0 < value <= most else f"must be more than 0 and at most {most:g}, is {_shown(value)}"


def _stages(value: Any) -> str | None:
    """Numbers that never fall: a stage below the one before would make a good day's reward a smaller budget."""
    if not isinstance(value, list | tuple) or not value or len(value) > _LONGEST:
        return f"must be a list of 1 to {_LONGEST} whole numbers"
    wrong = [f"stage {number}: {problem}" for number, it in enumerate(value, 1) if (problem := _whole(it, 1))]
    if not wrong:
        pairs = enumerate(pairwise(value), 2)
        wrong = [
            f"stage {number}: {it} is less than {before} before it" for number, (before, it) in pairs if it < before
        ]
    return ", ".join(wrong) or None


def _overrides(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a mapping of providers to their own stages, or to a factor on all stages"
    wrong = [f"{_shown(provider)}: {problem}" for provider, own in value.items() if (problem := _own(provider, own))]
    return ", ".join(wrong) or None


def _own(provider: object, own: Any) -> str | None:
    if not isinstance(provider, str) or not _NAME.fullmatch(provider):
        return "not a provider's name"
    return _stages(own) if isinstance(own, list | tuple) else _number(own, 1000)


def _one_of(*names: str) -> Check:
    return lambda value: None if value in names else f"must be {' or '.join(names)}, is {_shown(value)}"


def _shown(value: object) -> str:
    """The value if it is short and plain, else its type."""
    huge = isinstance(value, int) and abs(value) > 10**30
    plain = value is None or (isinstance(value, str | int | float) and not huge)
    return f"{value!r:.60}" if plain else f"a {type(value).__name__}"


_CHECKS: Mapping[str, Check] = {
    "unit": _one_of("hour", "day"),
    "stages": _stages,
    "hour_share": lambda value: _number(value, 1),
    "after": _one_of("warm", "stay"),
    "idle_days": lambda value: _whole(value, 1),
    "idle_stage": lambda value: _whole(value, 0),
    "overrides": _overrides,
    "source": lambda value: None if isinstance(value, str) else f"must be text, is {_shown(value)}",
}
