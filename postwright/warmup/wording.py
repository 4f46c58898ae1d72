"""Numbers, ages and moments as people read them, and lines with a meaning instead of a colour. Pure.

Promise: text that came from a host is printable. It may hold what a stranger's mail server replied, and with it escape
sequences for a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from postwright.wording import one_line

Meaning = Literal["", "heading", "good", "warning", "bad", "faint"]
_AGES = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_LATEST = 253_402_300_799  # the last second of the year 9999, after which datetime ends


@dataclass(frozen=True)
class Line:
    """A line of output; ``means`` is what its colour tells, which the text tells as well."""

    text: str
    means: Meaning = ""


def number(value: float | None) -> str:
    """``12,345``; ``no limit`` is nothing to count against."""
    return "-" if value is None else f"{value:,.0f}"


def used_of(used: int, limit: int | None) -> str:
    """``12/50``, or ``12`` where there is no limit."""
    return number(used) if limit is None else f"{number(used)}/{number(limit)}"


def age(seconds: float) -> str:
    """``3 h``: whole units, rounded down; ``0 s`` for what has just come or lies in the future."""
    size, unit = next(((size, unit) for size, unit in _AGES if seconds >= size), (1, "s"))
    return f"{max(0, seconds) // size:,.0f} {unit}"


def moment(at: float, now: float) -> str:
    """``14:20 UTC`` today, ``2026-11-23 14:20 UTC`` on other days."""
    then, today = _utc(at), _utc(now)
    return f"{then:%H:%M} UTC" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M} UTC"


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(min(max(at, 0), _LATEST), UTC)


def plain(value: Any) -> str:
    """What a host said, as printable text of one line; empty for None."""
    return "" if value is None else one_line(" ".join(str(value).split()))
