"""Lets held mail go as the budgets return, in order of arrival, and moves aside what must not wait where it lies.

Promises: a token is on disk before a message is let go; what was begun is ended after a crash without a second token; at most
50 messages are moved at once. Decides by the same rules as for new mail (decide.py), and touches only messages it knows.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from . import rows
from .accounts import Account, LaneState
from .astray import Astray
from .books import Books
from .config import Stream
from .decide import may_go
from .keeping import KeeperError
from .rows import Row

BATCH = 50
YOUNG = 1.0  # seconds: Postfix may still be writing a message whose answer it just got
PATIENCE = 120.0  # seconds until a message that is nowhere on hold is no longer looked for there


class Moved(Protocol):
    """What keeping.Moved is."""

    @property
    def done(self) -> Sequence[str]: ...
    @property
    def gone(self) -> Sequence[str]: ...
    @property
    def before(self) -> Sequence[str]: ...


class Keeper(Protocol):
    async def release(self, ids: Sequence[str]) -> Moved: ...
    async def requeue(self, ids: Sequence[str]) -> Moved: ...
    async def hold(self, ids: Sequence[str]) -> Moved: ...
    async def queued(self, ids: Sequence[str]) -> set[str]: ...


Spend = Callable[..., None]


class Release:
    """``spend``: Pacer.spend. ``extra``: messages a person lets go beyond the budget, by lane."""

    def __init__(self, books: Books, keeper: Keeper, spend: Spend) -> None:
        self._books, self._keeper, self._spend = books, keeper, spend
        self._awake = asyncio.Event()
        self._astray = Astray(books, keeper, self)
        self.extra: dict[str, int] = {}

    def wake(self) -> None:
        self._awake.set()

    async def run(self) -> None:
        """For ever: once a second, at once while there is work, soon after something was held."""
        while True:
            self._awake.clear()
            if not await self.once():
                await self._rest()
            await asyncio.sleep(0.05)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(1):
                await self._awake.wait()
        except TimeoutError:
            pass

    async def once(self) -> bool:
        """One round; whether something was moved. What cannot be done now is tried again in the next."""
        moved = False
        for work in (self._lanes, self._streams, self._closed, self._astray.once, self._requeuing):
            try:
                moved |= not self._books.store.stale and await work()
            except KeeperError as error:
                self._books.told("keeper", f"held mail cannot be moved: {error}")
            except sqlite3.Error as error:
                self._books.store.fail(error)
        return moved

    async def _lanes(self) -> bool:
        moved = False
        for step in (self._unfinished, self._lane, self._extra):
            for lane in self._present():
                if lane.open:
                    moved |= await step(lane)
        return moved

    def _present(self) -> Iterator[LaneState]:
        """Each lane as it is when its turn comes: while another waited, everything may have been loaded anew."""
        for name in list(self._books.lanes):
            if name in self._books.lanes and not self._books.store.stale:
                yield self._books.lanes[name]

    async def _lane(self, lane: LaneState) -> bool:
        """Let go what the budgets allow now."""
        if not lane.waiting:
            return False
        self._books.opened_or_same(self._books.now())
        free = int(min(lane.free(self._books.now()), BATCH))
        picked = self._allowed(lane, self._candidates(lane, free)) if free else []
        old = [row for row in picked if self._is_old(row)]
        # First those that leave, with no pause since they were picked: nobody else may take their tokens meanwhile.
        moved = await self.let_go(lane, [row for row in picked if not self._is_old(row)])
        if old:
            left = min(lane.account.room(self._books.now()), BATCH) - rows.expected_soon(self._books, lane.name)
            paid = sum(row.paid for row in old)
            moved |= await self.requeue(old[: paid + max(0, int(left))], "")
        return moved

    def _candidates(self, lane: LaneState, limit: int) -> list[Row]:
        now = self._books.now()
        budgets = [name for name in lane.waiting if may_go(name, self._books.budgets, now)]
        found = rows.next_held(self._books, lane.name, budgets, limit)
        real = time.time()  # which may be behind the one a message came at
        return [row for row in found if not 0 <= real - row.at < YOUNG]

    def _allowed(self, lane: LaneState, found: Iterable[Row]) -> list[Row]:
        """As many as the lane's budget and their domains' have tokens for; paid ones need none."""
        now, picked = self._books.now(), []
        left: dict[str, float] = {"": lane.account.room(now)}
        for row in found:
            if not row.paid:
                names = [""] + [row.budget] * (row.budget in self._books.budgets)
                for name in names[1:]:
                    left.setdefault(name, self._books.budgets[name].room(now))
                if min(left[name] for name in names) < 1:
                    continue
                for name in names:
                    left[name] -= 1
            picked.append(row)
        return picked

    def _is_old(self, row: Row) -> bool:
        """Whether it is so old that its first deferral might be its last, and can be known again."""
        return row.key is not None and time.time() - row.at > self._books.config.queue_lifetime / 4

    async def let_go(self, lane: LaneState, picked: Sequence[Row], *, bypassed: bool = False) -> bool:
        """Take the tokens, have that on disk, release."""
        if not picked:
            return False
        books, now, real = self._books, self._books.now(), time.time()
        for row in picked:
            lane.wait_more(row.budget, -1)
            lane.leave(row.queue_id, now, real)
            if not row.paid:
                self._spend(lane, self._budget(row), bypassed=bypassed)
        rows.set_state(books, [row.queue_id for row in picked if row.paid], "releasing")
        rows.set_paid(books, [row.queue_id for row in picked if not row.paid])
        if books.store.commit():
            await self._released([row.queue_id for row in picked])
        return True

    def _budget(self, row: Row) -> Account | None:
        return self._books.budgets.get(row.budget)

    async def _released(self, ids: Sequence[str]) -> None:
        moved = await self._keeper.release(ids)
        rows.set_state(self._books, moved.done, "passed", "releasing")
        self._books.store.commit()
        self._books.told("keeper", "")

    async def _unfinished(self, lane: LaneState) -> bool:
        """What a crash, or the keeper, left between its token and its release: no second token is taken."""
        found = rows.moving(self._books, ["releasing"], lane.name, BATCH)
        if not found:
            return False
        moved = await self._keeper.release([row.queue_id for row in found])
        latest = time.time() - PATIENCE
        lost = [it for it in moved.gone if lane.outstanding.get(it, 0.0) < latest]
        # Perhaps the crash came after their release, perhaps Postfix still has them; reconcile.py finds out.
        rows.set_state(self._books, moved.done, "passed", "releasing")
        rows.set_state(self._books, lost, "lost", "releasing")
        return bool(moved.done)

    async def _extra(self, lane: LaneState) -> bool:
        """What a person wants out, whatever the budget."""
        wanted = self.extra.pop(lane.name, 0)
        found = rows.next_held(self._books, lane.name, list(lane.waiting), min(BATCH, wanted))
        if found and wanted > len(found):
            self.extra[lane.name] = wanted - len(found)
        return await self._beyond(lane, found)

    async def _beyond(self, lane: LaneState, found: Sequence[Row]) -> bool:
        """Let these go whatever the budget; old ones are taken in anew, and the gate passes them."""
        old = [row for row in found if self._is_old(row)]
        moved = await self.let_go(lane, [row for row in found if not self._is_old(row)], bypassed=True)
        return await self.requeue(old, "pass") or moved

    async def _streams(self) -> bool:
        """Mail of streams that need not wait longer."""
        moved = False
        for stream in self._books.config.streams:
            if stream.when_full in ("bypass", "overflow"):
                for lane in self._present():
                    moved |= bool(lane.waiting) and await self._stream(stream, lane)
        return moved

    async def _stream(self, stream: Stream, lane: LaneState) -> bool:
        where = "state = 'held' AND stream != '' AND stream = ? AND lane = ? AND at <= ? ORDER BY at"
        values = (stream.name, lane.name, time.time() - max(stream.after, YOUNG))
        if stream.when_full == "overflow":
            relay = stream.relay in self._books.config.relays
            found = rows.select(self._books, where, values, BATCH) if relay else []
            return await self.requeue(found, "relay")
        free = int(min(lane.free(self._books.now()), BATCH))
        return await self._beyond(lane, rows.select(self._books, where, values, free))

    async def _closed(self) -> bool:
        """Deferred mail of a lane that takes nothing now waits on hold, with its token, instead of knocking again."""
        for lane in self._present():
            if not lane.open:
                found = rows.moving(self._books, ["deferred", "holding"], lane.name, BATCH)
                if found:
                    await self.hold(found)
        return False

    async def hold(self, found: Sequence[Row]) -> None:
        """Put deferred mail on hold, with its token."""
        ids = [row.queue_id for row in found]
        before = rows.known(self._books, ids)
        rows.set_state(self._books, ids, "holding")
        if not self._books.store.commit():
            return
        moved = await self._keeper.hold(ids)
        there = {it for it, state in rows.known(self._books, ids).items() if state == "holding"}  # others had a result
        # What a person had put on hold, that person lets go; what was begun before a crash is ours.
        kept = {it for it in there & set(moved.before) if before[it] == "deferred"}
        done, gone = there & set(moved.done) - kept, there & set(moved.gone)
        rows.set_state(self._books, kept, "kept", "holding")
        rows.set_state(self._books, done, "held", "holding")
        rows.set_state(self._books, gone, "passed", "holding")
        for row in found:
            lane = self._books.lanes.get(row.lane)
            if lane and row.queue_id in done:
                lane.wait_more(row.budget, 1)
            elif lane and row.queue_id in gone:
                lane.outstanding[row.queue_id] = time.time()

    async def requeue(self, found: Sequence[Row], forced: str) -> bool:
        """Have Postfix take these in anew: the gate will ask about them, and we shall know them."""
        found = rows.distinct(self._books, found) if self._books.config.pooled else found
        if not found:
            return False
        rows.expect(self._books, found, forced)
        rows.set_state(self._books, [row.queue_id for row in found], "requeuing")
        if self._books.store.commit():
            await self._requeue(found, again=False)
        return True

    async def _requeuing(self) -> bool:
        """What a crash, or the keeper, left unfinished."""
        found = rows.moving(self._books, ["requeuing"], None, BATCH)
        if found:
            await self._requeue(found, again=True)
        return False

    async def _requeue(self, found: Sequence[Row], *, again: bool) -> None:
        moved = await self._keeper.requeue([row.queue_id for row in found])
        # Of a lane that is no more it may be on its way to the deferred queue, and nobody else knows its stream.
        lost = {it.queue_id for it in found if it.lane in self._books.orphans} & set(moved.gone)
        rows.set_state(self._books, lost, "lost")
        ended = {*moved.done, *moved.gone} - lost
        rows.delete(self._books, ended)
        gone = lost if again else set(moved.gone)
        rows.unexpect(self._books, [row for row in found if row.queue_id in gone])
        for row in found:
            if row.queue_id in ended and row.lane in self._books.lanes:
                self._books.lanes[row.lane].wait_more(row.budget, -1)
        self._books.store.commit()
