"""What time it is, for everything that has a period. In a lab the clock can be moved, to see months in minutes.

Promise: UTC, whole seconds, so that a moment is the same after it was written and read back.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from postwright.errors import UsageError

VARIABLE = "POSTWRIGHT_LAB_CLOCK"  # seconds to add, possibly negative
_ON_HOSTS = "/run/postwright-lab-clock"
_LAB_DOMAIN = "test"  # RFC 6761 §6.2: nobody's mail depends on it


def now() -> datetime:
    """The moment, moved by what the lab's clock says."""
    return datetime.now(UTC).replace(microsecond=0) + moved_by()


def moved_by() -> timedelta:
    """How far the clock is moved; UsageError if the variable is no number of seconds."""
    text = os.environ.get(VARIABLE) or "0"
    try:
        return timedelta(seconds=int(text))
    except (ValueError, OverflowError):
        raise UsageError(f"{VARIABLE} is {text!r}; set it to a number of seconds, or unset it") from None


def require_real(domains: Iterable[str]) -> None:
    """UsageError if the clock is moved for domains of the real world, whose keys would be taken away too early."""
    real = _real(domains)
    if moved_by() and real:
        raise UsageError(f"{VARIABLE} is set, but {real[0]} is no domain of a lab (*.{_LAB_DOMAIN}); unset it")


def on_hosts(domains: Iterable[str]) -> str | None:
    """The file a lab moves the clock of its hosts' programs by; None where a domain is of the real world."""
    return None if _real(domains) else _ON_HOSTS


def _real(domains: Iterable[str]) -> list[str]:
    return [name for name in domains if name.rpartition(".")[2] != _LAB_DOMAIN]
