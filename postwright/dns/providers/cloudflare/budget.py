"""How many calls an API token may still make, shared by everything in this process that uses the token.

Promise: pure but for the clock and the sleep it is given. Never more than ``limit`` calls start in any ``WINDOW``; a server
that says "not before" stops all callers at once, and for no more than ``PATIENCE`` seconds in all. The token is in no
message and no repr: budgets are found by its hash.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from threading import Lock

WINDOW = 300.0  # seconds; developers.cloudflare.com/fundamentals/api/reference/limits
_SAME = 5.0  # seconds: waits that end so close together are one
PATIENCE = 900.0  # seconds a process waits, all in all, because a server said so

_shared: dict[str, Budget] = {}
_guard = Lock()


class Budget:
    """A sliding window of ``limit`` calls. ``clock`` and ``sleep`` are in seconds; ``waiting`` hears of each wait, once for all threads."""

    def __init__(
        self,
        limit: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        waiting: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.limit = limit
        self.window = WINDOW
        self.sleep = sleep
        self.waiting = waiting
        self._clock = clock
        self._lock = Lock()
        self._started: deque[float] = deque()
        self._closed_until = float("-inf")
        self._told_until = float("-inf")
        self._held = 0.0

    def take(self) -> None:
        """Return when one more call may start; it counts as started then."""
        while (pause := self._take_or_wait()) > 0:
            if self._is_news(pause):
                self.waiting(pause)
            self.sleep(pause)

    def forecast(self, calls: int) -> float:
        """Seconds until the last of so many calls may start, if they take no time and nobody else makes any."""
        with self._lock:
            now = self._clock()
            first = max(now, self._closed_until)
            starts = [start for start in self._started if start > now - WINDOW]
            for _ in range(calls):
                free = starts[len(starts) - self.limit] + WINDOW if len(starts) >= self.limit else now
                starts.append(max(first, free))
            return starts[-1] - now if calls else 0.0

    def hold(self, seconds: float) -> bool:
        """Let nobody start for that long. False, and no hold, if that would use up the patience."""
        with self._lock:
            until = self._clock() + seconds
            longer = until - max(self._closed_until, self._clock())  # threads told the same wait together, not in turn
            if self._held + max(longer, 0.0) > PATIENCE:
                return False
            self._held += max(longer, 0.0)
            self._closed_until = max(self._closed_until, until)
            return True

    def narrow(self, limit: int) -> None:
        """Of two limits for one token the smaller one holds."""
        with self._lock:
            self.limit = min(self.limit, limit)

    def _is_news(self, pause: float) -> bool:
        """Threads that wait for the same moment say so once."""
        with self._lock:
            until = self._clock() + pause
            news = until > self._told_until + _SAME
            self._told_until = max(self._told_until, until)
            return news

    def _take_or_wait(self) -> float:
        """0 when a call was taken, else the seconds after which to ask again."""
        with self._lock:
            now = self._clock()
            while self._started and self._started[0] <= now - WINDOW:
                self._started.popleft()
            pause = self._closed_until - now
            if len(self._started) >= self.limit:
                pause = max(pause, self._started[len(self._started) - self.limit] + WINDOW - now)
            if pause <= 0:
                self._started.append(now)
            return pause


def shared(token: str, limit: int) -> Budget:
    """The one budget of a token in this process."""
    key = sha256(token.encode()).hexdigest()
    with _guard:
        budget = _shared.setdefault(key, Budget(limit))
    budget.narrow(limit)
    return budget
