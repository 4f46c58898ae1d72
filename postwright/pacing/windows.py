"""Arithmetic of budget windows: clock hours and days of UTC, what is left in them, how long a queue needs. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from .plan import Limits

HOUR, DAY = 3600, 86_400
NEVER = 1e10  # seconds: longer than any queue lives
UNLIMITED = Limits(None, None)
NOTHING = Limits(0, 0)


def hour_of(now: float) -> int:
    return int(now // HOUR)


def day_of(now: float) -> int:
    return int(now // DAY)


def hour_name(hour: int) -> str:
    """How the database calls a clock hour."""
    return f"h{hour}"


def day_name(day: int) -> str:
    return f"d{day}"


def iso(day: int) -> str:
    """The date of a day's number."""
    return datetime.fromtimestamp(day * DAY, UTC).date().isoformat()


def part_of(limits: Limits, part: int, of: int) -> Limits:
    """Part number ``part`` (from 1) of ``of`` equal parts; the first ones get the remainder, so all together are the whole."""

    def cut(number: int | None) -> int | None:
        return None if number is None else number // of + (part <= number % of)

    return Limits(cut(limits.hour), cut(limits.day))


def room(limits: Limits, hour_used: int, day_used: int) -> float:
    """Messages that may leave now; infinite without a limit, never negative."""
    hour = math.inf if limits.hour is None else limits.hour - hour_used
    day = math.inf if limits.day is None else limits.day - day_used
    return max(0, min(hour, day))


def share_left(limits: Limits, hour_used: int, day_used: int) -> float:
    """The smaller share, 0 to 1, that is left of the two windows; 1 without a limit."""
    shares = [1.0]
    if limits.hour is not None:
        shares.append((limits.hour - hour_used) / max(1, limits.hour))
    if limits.day is not None:
        shares.append((limits.day - day_used) / max(1, limits.day))
    return max(0.0, min(shares))


def wait(limits: Limits, hour_used: int, day_used: int, ahead: int, now: float) -> float:
    """Seconds until a message behind ``ahead`` others may leave, as these limits stand; NEVER if they allow nothing."""
    if room(limits, hour_used, day_used) > ahead:
        return 0.0
    if limits.hour == 0 or limits.day == 0:
        return NEVER
    if limits.day is not None and ahead >= limits.day - day_used:
        behind = ahead - max(0, limits.day - day_used)
        hours = (behind % limits.day) // limits.hour if limits.hour else 0
        return _next(now, DAY) + behind // limits.day * DAY + hours * HOUR
    if limits.hour is None:
        return 0.0
    behind = ahead - max(0, limits.hour - hour_used)
    return _next(now, HOUR) + behind // limits.hour * HOUR


def _next(now: float, length: int) -> float:
    return length - now % length
