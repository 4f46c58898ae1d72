"""The agent's side of the keeper: asks the one root helper to hold mail, to let it go, and what lies in the queue.

Promise: an answer is what Postfix itself said; everything else is a KeeperError. A request that may have been carried out
is never sent twice by itself: after a KeeperError of ``release``, ``requeue`` or ``hold`` ask ``queued`` and ``held``.
Every request has a connection of its own, so a keeper that ended in between is started again by systemd.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

MOST = 200  # ids in one request


class KeeperError(Exception):
    """The keeper could not be reached, gave no answer, or said what it could not do."""


class Moved(NamedTuple):
    """``done``: moved as asked, in the order asked; ``gone``: they were not where they could be moved from.

    ``before``: of those done by ``hold``, what was on hold already.

    What is in neither is not yet complete on disk: ask again later.
    """

    done: tuple[str, ...]
    gone: tuple[str, ...]
    before: tuple[str, ...] = ()


class Keeper:
    """The keeper behind the socket ``path``; ``seconds`` is the longest wait for one line of it.

    Every method raises KeeperError.
    """

    def __init__(self, path: str = "/run/postwright-pacing-keeper.sock", seconds: float = 60.0) -> None:
        self._path = path
        self._seconds = seconds

    async def release(self, ids: Sequence[str]) -> Moved:
        """Let at most ``MOST`` messages go from hold, in this order. ``gone``: not on hold (any more)."""
        return await self._move("release", "released", ids)

    async def requeue(self, ids: Sequence[str]) -> Moved:
        """Hand at most ``MOST`` messages, held or deferred, to Postfix anew: new queue id, fresh age, no lane."""
        return await self._move("requeue", "released", ids)

    async def hold(self, ids: Sequence[str]) -> Moved:
        """Put at most ``MOST`` deferred messages on hold. ``gone``: neither deferred nor on hold, perhaps under way."""
        return await self._move("hold", "held", ids)

    async def held(self) -> AsyncIterator[list[str]]:
        """The ids of all that is on hold, in no order, at most 1,000 at a time. Nothing is left out unless it raises."""
        async for answer in self._answers({"do": "held"}):
            if "end" in answer:
                return
            yield _texts(answer, "ids")

    async def filters(self, ids: Sequence[str]) -> dict[str, str]:
        """Each message's content_filter, "" for none; messages that are not (wholly) there are left out."""
        found: dict[str, str] = {}
        for part in _parts(ids):
            answer = await self._answer({"do": "filters", "ids": part})
            found |= {str(name): str(value) for name, value in dict(answer.get("filters") or {}).items()}
        return found

    async def queued(self, ids: Sequence[str]) -> set[str]:
        """Those that are still in the queue: incoming, active, deferred, hold or maildrop."""
        return {
            name for part in _parts(ids) for name in _texts(await self._answer({"do": "queued", "ids": part}), "queued")
        }

    async def _move(self, verb: str, key: str, ids: Sequence[str]) -> Moved:
        if len(ids) > MOST:
            raise KeeperError(f"{verb}: {len(ids)} ids; ask for at most {MOST} at a time")
        if not ids:
            return Moved((), ())
        answer = await self._answer({"do": verb, "ids": list(ids)})
        before = tuple(_texts(answer, "before")) if "before" in answer else ()
        return Moved(tuple(_texts(answer, key)), tuple(_texts(answer, "gone")), before)

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        async for answer in self._answers(request):
            return answer
        raise KeeperError(f"{self._path}: no answer")

    async def _answers(self, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Each line of the answer; whoever asked stops reading when it is complete."""
        try:
            async with asyncio.timeout(self._seconds):
                reader, writer = await asyncio.open_unix_connection(self._path, limit=1 << 20)
        except (OSError, TimeoutError) as error:
            raise KeeperError(
                f"{self._path}: {error or 'no connection in time'}; see `systemctl status postwright-pacing-keeper.socket`"
            ) from error
        try:
            writer.write(json.dumps(request).encode() + b"\n")
            while True:
                yield await self._line(reader)
        finally:
            writer.close()

    async def _line(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._seconds):
                line = await reader.readline()
            answer = json.loads(line)
        except (OSError, TimeoutError, ValueError) as error:
            raise KeeperError(f"{self._path}: the answer broke off: {error or 'it took too long'}") from error
        if not isinstance(answer, dict) or "error" in answer:
            raise KeeperError(f"{self._path}: {answer['error'] if isinstance(answer, dict) else 'no object'}")
        return answer


def _parts(ids: Sequence[str]) -> list[list[str]]:
    return [list(ids[start : start + MOST]) for start in range(0, len(ids), MOST)]


def _texts(answer: dict[str, Any], key: str) -> list[str]:
    found = answer.get(key)
    if not isinstance(found, list):
        raise KeeperError(f"the answer has no {key!r}: {str(answer)[:200]}")
    return [str(item) for item in found]
