"""Selector names. Pure. A selector is never used again (RFC 6376 §3.1), and where we may choose it says when its key was made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from itertools import count


def next_selector(today: date, used: Collection[str]) -> str:
    """``pw20261122``, or ``pw20261122-2`` and so on where that day's names are taken."""
    first = f"pw{today:%Y%m%d}"
    names = (first if serial == 1 else f"{first}-{serial}" for serial in count(1))
    return next(name for name in names if name not in used)


def next_fixed(selectors: Sequence[str], used: Collection[str]) -> str | None:
    """The first of the given selectors that was never used; None when all were."""
    return next((name for name in selectors if name not in used), None)
