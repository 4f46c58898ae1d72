"""What time it is for budgets, on a host whose wall clock may be wrong.

Promise: a window that was used is never followed by an older one, so a clock set back cannot open a spent budget again;
a clock set forward by more than five minutes is not believed for an hour. Against both, CLOCK_BOOTTIME is the witness.
Never decides what a window holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

JUMP = 300.0  # seconds forward that are not believed at once
DOUBT = 3600.0  # how long not
PATIENCE = 86_400.0  # how long a clock that went back may stay behind until it is believed


def boottime() -> float:
    """Seconds since the kernel started, suspended time too; nobody can set it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """The guarded time. ``latest``: the latest moment that was ever used (seconds since 1970), from the database."""

    def __init__(
        self,
        latest: float = 0.0,
        *,
        wall: Callable[[], float] = time.time,
        boot: Callable[[], float] = boottime,
        offset: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._wall, self._boot, self._offset = wall, boot, offset
        self.latest = latest
        self._anchor = (wall(), boot())
        self._forward: float | None = None
        self._behind: float | None = None
        self.problem = ""

    def now(self) -> float:
        """The time that windows are made of; it may stand still, and goes back only after a day of patience."""
        return self.guarded() + self._offset()

    def guarded(self) -> float:
        """The same without a lab's offset: what is to be remembered as ``latest``."""
        wall, boot = self._wall(), self._boot()
        self.problem = ""
        trusted = self._not_ahead(wall, boot)
        self.latest = self._not_behind(trusted, boot)
        return self.latest

    def _not_ahead(self, wall: float, boot: float) -> float:
        expected = self._anchor[0] + boot - self._anchor[1]
        if wall <= expected + JUMP:
            self._forward = None
        else:
            self._forward = boot if self._forward is None else self._forward
            if boot - self._forward < DOUBT:
                self.problem = f"the clock jumped forward by {wall - expected:.0f} s and is not believed for an hour"
                return expected
        self._anchor = (wall, boot)
        self._forward = None
        return wall

    def _not_behind(self, trusted: float, boot: float) -> float:
        if trusted >= self.latest:
            self._behind = None
            return trusted
        self._behind = boot if self._behind is None else self._behind
        if boot - self._behind >= PATIENCE:
            self._behind = None
            return trusted
        if self.latest - trusted > JUMP:
            self.problem = f"the clock is {self.latest - trusted:.0f} s behind the time last used: no new window opens"
        return self.latest


class LabOffset:
    """Seconds that a lab adds to the time, read from a file at most once a second; 0 if there is none."""

    def __init__(self, path: str | None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path, self._monotonic = path, monotonic
        self._at, self._value = float("-inf"), 0.0

    def __call__(self) -> float:
        if self._path and self._monotonic() - self._at >= 1:
            self._at, self._value = self._monotonic(), _number(Path(self._path))
        return self._value


def _number(path: Path) -> float:
    try:
        return float(int(path.read_text(encoding="ascii")))
    except (OSError, ValueError, OverflowError):
        return 0.0
