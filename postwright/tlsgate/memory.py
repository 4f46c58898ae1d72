"""Keeps answers for a minute, as the MTA-STS resolver itself does: a host asks about the same few receivers all the time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

Answer = Callable[[str], Awaitable[str]]
SECONDS = 60.0
LIMIT = 50_000  # answers


class Memory:
    """``answer`` is asked what is not known, or no longer. That it could not say is never kept."""

    def __init__(self, answer: Answer, clock: Callable[[], float] = time.monotonic) -> None:
        self._answer = answer
        self._clock = clock
        self._kept: dict[str, tuple[str, float]] = {}

    async def answer(self, question: str) -> str:
        """What was said within the last minute, or is said now."""
        said, until = self._kept.get(question, ("", 0.0))
        if until > self._clock():
            return said
        said = await self._answer(question)
        if len(self._kept) >= LIMIT:
            self._kept.clear()
        if not said.startswith("TEMP"):
            self._kept[question] = (said, self._clock() + SECONDS)
        return said
