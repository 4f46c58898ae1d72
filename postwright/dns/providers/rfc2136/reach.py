"""Whether a server answers at all, as far as one run has found out.

Promise: a server that is down costs a few timeouts, not one for each of its zones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock

import dns.exception

from postwright.dns.providers import NotAsked
from postwright.errors import ProviderError

_FAILURES = 3


@dataclass
class Reach:
    """``place``: the server, for messages. Threads may share it."""

    place: str
    _failures: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def insist(self, zone: str) -> None:
        """NotAsked once it was silent a few times running."""
        if self._failures >= _FAILURES:
            raise NotAsked(zone, f"{self.place} did not answer {_FAILURES} times running")

    def heard(self) -> None:
        """It answered, whatever it said."""
        with self._lock:
            self._failures = 0

    def failed(self, error: ProviderError) -> None:
        """Count it if the server was silent: it took no connection, or took one and said nothing in time."""
        with self._lock:
            silent = isinstance(error.__cause__, OSError | dns.exception.Timeout)
            self._failures = self._failures + 1 if silent else 0
