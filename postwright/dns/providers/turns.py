"""Writers of one zone in this process take turns, for a provider whose API cannot compare before it sets.

Promise: whoever holds the turn knows whether anybody here wrote since it read. Other machines are not covered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class Turn:
    """``lock`` is held from the last look at the zone to the end of the write; ``writes`` changes when one begins and ends."""

    lock: Lock = field(default_factory=Lock)
    writes: int = 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Whoever reads meanwhile has read neither what was before nor what is after."""
        self.writes += 1
        try:
            yield
        finally:
            self.writes += 1


_turns: dict[str, Turn] = {}
_guard = Lock()


def of(zone: str) -> Turn:
    """The turn of a zone, by any text that names it in this process."""
    with _guard:
        return _turns.setdefault(zone, Turn())
