"""The grammar of days and of how long something may take; what ``values`` is for names and addresses. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from postwright.values import duration

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day(value: Any) -> date:
    """A day of the calendar, as ISO 8601 has it, or as Python does."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError(f"{_shown(value)} is not a day, such as '2026-11-22'")


def at_most(most: str) -> Callable[[str], str]:
    """A duration that must not be longer."""

    def check(value: str) -> str:
        if duration(value) > duration(most):
            raise ValueError(f"{value!r} is too long; {most} is the most")
        return value

    return check


def _shown(value: Any) -> str:
    return f"{value!r:.40}" if isinstance(value, str) else f"a value of type {type(value).__name__}"
