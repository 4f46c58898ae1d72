"""Reads small records of plain values back from JSON data. Pure; never guesses, names every problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    return isinstance(value, str)


def whole(value: Any) -> bool:
    """A count: 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def moment(value: Any) -> bool:
    """Seconds since the epoch, or 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def share(value: Any) -> bool:
    return moment(value) and value <= 1


def read(name: str, data: Any, checks: Mapping[str, Check]) -> dict[str, Any]:
    """The data, each value as its check wants it; a key may be missing. Raises ValueError with every problem."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{name}: must be a mapping, is a {type(data).__name__}")  # noqa: TRY004 - bad data, not a bad call
    wrong = [f"{key!r:.60}: unknown key" for key in data if key not in checks]
    wrong += [
        f"{key}: not valid: {data[key]!r:.60}" for key, check in checks.items() if key in data and not check(data[key])
    ]
    if wrong:
        raise ValueError(f"{name}: " + "; ".join(wrong))
    return dict(data)
