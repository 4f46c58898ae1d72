"""Mail that must not, or need not, stay at the lane it lies at: it goes through a gate once more, which finds it another.

Promise: it stays within its stream's pools. What has a token of a lane keeps to that lane as long as its address is
there. Nothing is moved that could not leave from where it would go, so no message goes round in circles.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from . import rows
from .accounts import LaneState
from .books import BOUND, Books
from .config import Stream
from .decide import may_go
from .pools import ways
from .rows import Row

BATCH = 50


class Queued(Protocol):
    """What a keeper does of this."""

    async def queued(self, ids: Sequence[str]) -> set[str]: ...


class Hands(Protocol):
    """What Release does for it."""

    async def requeue(self, found: Sequence[Row], forced: str) -> bool: ...
    async def hold(self, found: Sequence[Row]) -> None: ...


class Astray:
    """``hands`` move messages."""

    def __init__(self, books: Books, keeper: Queued, hands: Hands) -> None:
        self._books, self._keeper, self._hands = books, keeper, hands

    async def once(self) -> bool:
        """One round; whether something was moved that may leave now."""
        await self._orphans()
        await self._misplaced()
        return await self._stuck() | await self._full()

    async def _orphans(self) -> None:
        """Mail of lanes that are no longer in the configuration."""
        for name in list(self._books.orphans):
            found = rows.select(self._books, "state = 'held' AND lane = ? ORDER BY budget, paid, place", (name,), BATCH)
            found += rows.moving(self._books, BOUND, name, BATCH - len(found))
            # What is under way comes to lie in the deferred queue. Without a stream unbind.py may see to it.
            passed = "state != 'held' AND state = 'passed' AND lane = ? AND stream != '' ORDER BY place"
            found += rows.select(self._books, passed, (name,), BATCH - len(found))
            if not found:
                self._books.orphans.discard(name)
                continue
            there = await self._keeper.queued([row.queue_id for row in found])
            rows.delete(self._books, [row.queue_id for row in found if row.queue_id not in there])
            self._books.store.commit()
            await self._hands.requeue([row._replace(paid=0) for row in found if row.queue_id in there], "")

    async def _misplaced(self) -> None:
        """Mail of lanes that are of no pool of its stream any more."""
        for lane, stream in list(self._books.misplaced):
            bound = [it for it in rows.moving(self._books, ["deferred", "holding"], lane) if it.stream == stream]
            if bound:
                await self._hands.hold(bound)
            where = "state = 'held' AND lane = ? AND stream = ? ORDER BY place"
            found = rows.select(self._books, where, (lane, stream), BATCH)
            await self._hands.requeue([row._replace(paid=0) for row in found], "")
            if not found and not bound:
                self._books.misplaced.discard((lane, stream))

    async def _stuck(self) -> bool:
        """Held at a lane that takes no mail now, while another does: of its pool if the address is gone, else of the next."""
        moved, now = False, self._books.now()
        for lane in [it for it in self._books.lanes.values() if it.waiting and not it.usable(now)]:
            for stream in ["", *self._books.config.stream]:
                takers = [it for it in self._chosen(lane, stream) if it is not lane]
                if takers and (not lane.here or lane.lane.address.pool not in {it.lane.address.pool for it in takers}):
                    where = "state = 'held' AND lane = ? AND stream = ? AND paid <= ? ORDER BY place"
                    values = (lane.name, stream, int(not lane.here))
                    moved |= await self._moved(lane, takers, where, values, "")
        return moved

    def _chosen(self, lane: LaneState, stream: str) -> Sequence[LaneState]:
        """The lanes that new mail of the stream to the same provider would take."""
        return ways(self._alike(lane), self._books.config.pools_of(stream), frozenset(), self._books.now()).lanes

    async def _full(self) -> bool:
        """Held long enough for want of budget, while a pool behind has some."""
        moved = False
        for stream in self._books.config.streams:
            for lane in self._of_first(stream) if stream.when_full == "fallback" else ():
                found = ways(self._alike(lane), stream.pools, frozenset(), self._books.now())
                takers = [it for tier in found.spare for it in tier]
                where = (
                    "state = 'held' AND stream != '' AND stream = ? AND lane = ? AND at <= ? AND paid = 0 ORDER BY at"
                )
                values = (stream.name, lane.name, time.time() - max(stream.after, 1))
                moved |= await self._moved(lane, takers, where, values, "fallback")
        return moved

    def _of_first(self, stream: Stream) -> Iterator[LaneState]:
        """The lanes of a stream's own pool at which mail waits."""
        for lane in list(self._books.lanes.values()):
            if lane.waiting and lane.lane.address.pool == stream.pools[0]:
                yield lane

    def _alike(self, lane: LaneState) -> list[LaneState]:
        """Those of the provider, by the same version of IP: whether the recipient has the other one too is not known here."""
        it = lane.lane
        return [
            self._books.lanes[other.name]
            for other in self._books.config.lanes_to(it.provider.name)
            if other.address.version == it.address.version
        ]

    async def _moved(
        self, lane: LaneState, takers: Sequence[LaneState], where: str, values: Sequence[object], forced: str
    ) -> bool:
        """Let as many go through the gate as the takers have room for."""
        now, books = self._books.now(), self._books
        room = sum(min(it.free(now), it.account.room(now), BATCH) for it in takers if not it.waiting)
        limit = int(min(room - (rows.under_way(books, lane.name) if room else 0), BATCH))
        if limit < 1:
            return False
        found = [it for it in rows.select(books, where, values, limit) if may_go(it.budget, books.budgets, now)]
        return await self._hands.requeue([row._replace(paid=0) for row in found], forced)
