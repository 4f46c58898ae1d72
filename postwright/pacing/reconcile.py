"""Compares what we know with what lies in Postfix's queue, at the start and then from time to time.

Promises: mail that a person put on hold is left alone; a token comes back only for a message that is neither in the queue nor
in the log, and only into the window it was taken from. The queue is the truth about what is held, the log about what left.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

from . import release, rows
from .accounts import LaneState
from .books import Books
from .follow import JournalError
from .keeping import KeeperError
from .lines import Delivery
from .listing import CHUNK, Listing
from .rows import Row

INTERVAL = 60.0  # seconds at least between two looks at all that is held
LONGEST = 600.0  # and at most: meanwhile nobody sees what was taken in while no agent answered
SHARE = 20  # looking takes at most one part in so many of the time
LATE = 60.0  # seconds until a message without a result is asked for
LEFT = (None, "passed", "relayed", "deferred", "kept")  # what no row of ours keeps on hold
KNOWN_FOREIGN = 100_000
_GATE = re.compile(r"gate(?:-[a-z0-9_-]+)?:\[127\.")
_DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"  # of long queue ids, base 52


class Keeper(release.Keeper, Protocol):
    def held(self) -> AsyncIterator[list[str]]: ...
    async def filters(self, ids: Sequence[str]) -> dict[str, str]: ...


class Log(Protocol):
    def past(self, since: float) -> AsyncIterator[list[Delivery]]: ...


class Reconciliation:
    """``adopting``: the database was lost, so held mail with a lane is ours although no row tells of it."""

    def __init__(self, books: Books, keeper: Keeper, log: Log) -> None:
        self._books, self._keeper, self._log = books, keeper, log
        self.adopting = bool(books.store.meta("adopting"))
        self.foreign: set[str] = set()
        self.unknown_held = 0
        self._left: set[str] = set()
        self._gate: list[str] = []
        self._filters: dict[str, str] = {}  # which gate each of them is for

    async def run(self) -> None:
        """For ever."""
        while True:
            started = time.monotonic()
            await self.once()
            await self._gate_for(min(LONGEST, max(INTERVAL, SHARE * (time.monotonic() - started))))

    async def _gate_for(self, seconds: float) -> None:
        """Wait, and meanwhile let what the agent never saw go to the gate, at a bounded rate."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._gate:
                await self.guarded(self.to_gate())
            await asyncio.sleep(1)

    async def once(self) -> None:
        """One look at everything."""
        await self.guarded(self.listing())
        await self.guarded(self.late())

    async def guarded(self, work: object) -> None:
        """Do it unless memory is doubtful; a keeper or disk that fails is told, and it is tried again later."""
        try:
            await work  # type: ignore[misc]
        except (KeeperError, JournalError, OSError, LookupError) as error:
            self._books.told("reconciliation", f"the queue or the journal could not be looked at: {error}")
        except sqlite3.Error as error:
            self._books.store.fail(error)
        else:
            self._books.told("reconciliation", "")

    async def listing(self) -> None:
        """Look at all that is on hold: drop what is gone, release what was paid, find what we do not know."""
        begun, on_hold = time.time(), Listing()
        async for ids in self._keeper.held():
            on_hold.add(ids)
        await self._compare(on_hold, begun - release.PATIENCE)
        await self._unknown(on_hold)
        on_hold.close()
        if self.adopting:
            self._books.store.set_meta(adopting="")
            self.adopting = not self._books.store.commit()

    async def _compare(self, on_hold: Listing, before: float) -> None:
        """All our messages with the listing, a few thousand at a time, so that questions are answered in between."""
        last = ""
        while True:
            found = rows.select(self._books, "queue_id > ? ORDER BY queue_id", (last,), CHUNK)
            if not found:
                return
            ids = [row.queue_id for row in found]
            last, there = ids[-1], on_hold.those(ids)
            states = rows.states(self._books, ids[0], last)
            gone = [it for it in found if states[it.queue_id] == "held" and it.at < before and it.queue_id not in there]
            back = [it for it in found if states[it.queue_id] in ("lost", "holding") and it.queue_id in there]
            if gone:
                # Some may have come on hold since the listing: what is in the queue is not gone.
                queued = await self._keeper.queued([row.queue_id for row in gone])
                states = rows.states(self._books, ids[0], last)
                gone = [it for it in gone if it.queue_id not in queued and states.get(it.queue_id) == "held"]
                back = [it for it in back if states.get(it.queue_id) in ("lost", "holding")]
            self._dropped(gone)
            self._put_back(back)
            if (gone or back) and not self._books.store.commit():
                return
            await asyncio.sleep(0)

    def _dropped(self, gone: Sequence[Row]) -> None:
        """Held mail that is no longer on hold: deleted or let go by a person."""
        for row in gone:
            if row.lane in self._books.lanes:
                self._books.lanes[row.lane].wait_more(row.budget, -1)
        if gone:
            rows.delete(self._books, [row.queue_id for row in gone])
            self._books.log(f"{len(gone)} held messages are no longer in the hold queue: forgotten")

    def _put_back(self, back: Sequence[Row]) -> None:
        """On hold by us although its token is taken: a crash, or Postfix, came between. It needs no other token.

        What left (passed, deferred) and is on hold now was put there by a person.
        """
        for row in back:
            if row.lane in self._books.lanes:
                self._books.lanes[row.lane].back(row.queue_id)
                self._books.lanes[row.lane].wait_more(row.budget, 1)
        if back:
            rows.set_state(self._books, [row.queue_id for row in back], "held")

    async def _unknown(self, on_hold: Listing) -> None:
        unknown: set[str] = set()
        for ids in on_hold.chunks():
            known = rows.known(self._books, ids)
            # What was told to leave lies here if our answer came too late, or because a person wants it here.
            unknown |= {it for it in ids if known.get(it) in LEFT}
            await asyncio.sleep(0)
        self.foreign &= unknown
        self._left.clear()
        asked = sorted((unknown - self.foreign), key=arrival)[:KNOWN_FOREIGN]
        gate: list[str] = []
        for start in range(0, len(asked), 200):
            filters = await self._keeper.filters(asked[start : start + 200])
            found = {it: name for it, name in filters.items() if _GATE.match(name)}
            self._unheard(list(found))
            gate += found
            self._filters |= found
            self._adopt({it: name for it, name in filters.items() if it not in found})
        self._filters = {it: self._filters[it] for it in gate}
        self._gate = sorted(gate, key=arrival)
        # What had left when it was listed may just have been released; if a person holds it, the next look tells.
        self.unknown_held = len(self.foreign - self._left)

    def _unheard(self, ids: Sequence[str]) -> None:
        """Our answer came too late, and Postfix did what it does without an agent: the token, if any, was not used."""
        marks = ",".join("?" * len(ids))
        where = f"queue_id IN ({marks}) AND state IN ('passed', 'relayed')"
        statement = f"SELECT queue_id, lane FROM message WHERE {where}"  # noqa: S608 - only marks
        for queue_id, name in self._books.store.execute(statement, ids).fetchall():
            if lane := self._books.lanes.get(name):
                self._refund(lane, [queue_id])
            rows.delete(self._books, [queue_id])
        self._books.store.commit()

    def _adopt(self, found: dict[str, str]) -> None:
        """Held by a person, or by the proof port: left alone. Only if the database was lost, what has a lane is ours.

        What has a row was released since the listing, or a person put it on hold after it had left.
        """
        known = rows.known(self._books, list(found))
        found = {it: name for it, name in found.items() if known.get(it) in LEFT}
        self._left |= {it for it in found if known.get(it) in ("passed", "relayed")}
        lanes = self._books.lanes if self.adopting else {}
        ours = [it for it, name in found.items() if it not in known and name.removesuffix(":") in lanes]
        self.foreign |= found.keys() - set(ours)
        if not ours:
            return
        books = self._books
        books.store.begin()
        for queue_id in sorted(ours, key=arrival):
            lane = found[queue_id].removesuffix(":")
            values = queue_id, lane, books.place, arrival(queue_id)[0] or time.time()
            books.store.execute(
                "INSERT INTO message(queue_id, lane, budget, stream, place, at, state, paid, hour, day)"
                " VALUES(?, ?, '', '?', ?, ?, 'held', 0, 0, 0)",
                values,
            )
            books.place += 1
            books.lanes[lane].wait_more("", 1)
        books.store.commit()

    async def to_gate(self) -> None:
        """Mail taken in while no agent answered: released in order of arrival, it passes the gate, which asks us.

        What is old is taken in anew, for it has few attempts left; but not where its stream would be forgotten. So is
        what is for a gate that is no more.
        """
        config = self._books.config
        part, self._gate = self._gate[: release.BATCH], self._gate[release.BATCH :]
        oldest = time.time() - config.queue_lifetime / 4
        old = [it for it in part if self._filters.get(it) == config.gate_filter and 0 < arrival(it)[0] < oldest]
        gone = [it for it in part if self._filters.get(it) not in config.gates]
        young = [it for it in part if it not in {*old, *gone}]
        await self._keeper.release(young)
        await self._keeper.requeue([*old, *gone])

    async def late(self) -> None:
        """Messages that left and have no result for long: forget those that are neither queued nor logged."""
        store = self._books.store
        store.begin()
        store.execute("DELETE FROM expected WHERE made < ?", (time.time() - 86_400,))
        store.execute(
            "DELETE FROM message WHERE state != 'held' AND state = 'relayed' AND at < ?", (time.time() - 3600,)
        )
        limit = time.time() - self._books.config.queue_lifetime - 86_400
        store.execute(
            "DELETE FROM message WHERE state != 'held' AND state IN ('deferred', 'kept') AND at < ?", (limit,)
        )
        store.commit()
        for lane in list(self._books.lanes.values()):
            before = time.time() - LATE
            found = {it: at for it, at in lane.outstanding.items() if at < before}
            if found:
                await self._late(lane, found)

    async def _late(self, lane: LaneState, found: dict[str, float]) -> None:
        queued = await self._keeper.queued(list(found))
        missing = {it: at for it, at in found.items() if it not in queued}
        if not missing:
            return
        logged = set()
        async for deliveries in self._log.past(min(missing.values()) - 60):
            logged |= {it.queue_id for it in deliveries if it.lane} & missing.keys()
        present = self._books.lanes.get(lane.name)
        if present is None or self._books.store.stale:
            return
        lane = present  # everything may have been loaded anew meanwhile
        late = [it for it in missing if it in lane.outstanding]
        # The log's last lines before a crash of the host may be lost, and then its silence says nothing.
        booted = float(self._books.store.meta("booted") or 0)
        sent = [it for it in late if it in logged or missing[it] < booted]
        self._ended(lane, sent)
        self._refund(lane, [it for it in late if it not in set(sent)])

    def _ended(self, lane: LaneState, logged: Sequence[str]) -> None:
        """They have left, though nobody told us: their tokens are spent."""
        for queue_id in logged:
            lane.back(queue_id)
        rows.delete(self._books, logged)
        self._books.store.commit()

    def _refund(self, lane: LaneState, missing: Iterable[str]) -> None:
        """Their clients were lost before Postfix said 250: they were never sent, and will be asked about anew."""
        books = self._books
        for queue_id in missing:
            lane.back(queue_id)
            statement = "SELECT budget, hour, day, state FROM message WHERE queue_id = ? AND paid = 1"
            row = books.store.execute(statement, (queue_id,)).fetchone()
            if row and row[3] in ("passed", "lost"):
                for account in filter(None, (lane.account, books.budgets.get(row[0]))):
                    account.give_back(row[1], row[2])
                rows.delete(books, [queue_id])
                books.log(f"{queue_id} by {lane.name} was never sent: its token is given back")
        books.store.commit()


def arrival(queue_id: str) -> tuple[float, str]:
    """When a message with a long queue id came, epoch seconds (0 if the id is short), and the id; sorts by arrival."""
    if len(queue_id) < 12 or "z" not in queue_id[10:]:  # noqa: PLR2004 - six of seconds, four of microseconds, z, inode
        return 0.0, queue_id
    head = queue_id[: queue_id.rindex("z")]
    seconds, micro = head[:-4], head[-4:]
    if not set(head) <= set(_DIGITS):
        return 0.0, queue_id
    return _number(seconds) + _number(micro) / 1e6, queue_id


def _number(text: str) -> int:
    value = 0
    for digit in text:
        value = value * 52 + _DIGITS.index(digit)
    return value
