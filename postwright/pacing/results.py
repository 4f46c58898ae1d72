"""What Postfix's log says about deliveries, taken into the books together with the journal's cursor: each counted once.

Promise: the numbers, the reactions and the cursor are in one transaction, so a crash counts nothing twice and loses nothing.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from . import reactions, rows
from .accounts import LaneState
from .books import Books
from .config import UNKNOWN_STREAM
from .lines import Delivery
from .providers import OTHER, UNKNOWN
from .replies import Rule, matched
from .rule import Effect
from .stats import Result, result_of

SEVERAL = 3  # domains behind "other", at least, that must say the same before all of its mail is held back


class Known(NamedTuple):
    """The row of a message: ``seen`` is "day:result" of its last result."""

    lane: str
    budget: str
    state: str
    paid: int
    seen: str


class Results:
    """``commit`` ends the open transaction and says whether it is on disk; ``adopt`` is given ids no row tells of."""

    def __init__(self, books: Books, commit: Callable[[], bool], adopt: Callable[[LaneState, str], None]) -> None:
        self._books, self._commit, self._adopt = books, commit, adopt
        self._said: dict[tuple[str, str], dict[str, float]] = {}  # (lane, rule) -> domain -> when
        self.seen_at = 0.0  # when the follower last told us something, epoch seconds

    async def handle(self, deliveries: Sequence[Delivery], cursor: str) -> None:
        """Take them in; returns when they are on disk, however long the disk refuses."""
        while not self._taken(deliveries, cursor):
            await asyncio.sleep(1)
            self._reload()
        self.seen_at = time.time()

    def _reload(self) -> None:
        try:
            if self._books.store.stale:
                self._books.load()
        except sqlite3.Error as error:
            self._books.store.fail(error)

    def _taken(self, deliveries: Sequence[Delivery], cursor: str) -> bool:
        if self._books.store.stale:
            return False
        try:
            for delivery in deliveries:
                self.one(delivery)
            self._books.store.set_meta(cursor=cursor)
        except sqlite3.Error as error:
            self._books.store.fail(error)
            return False
        return self._commit()

    def one(self, delivery: Delivery) -> None:
        """Count one delivery, and let its lane react to the reply."""
        if not delivery.lane:
            self._untried(delivery)
            return
        lane = self._books.lanes.get(delivery.lane)
        if lane is None:
            self._gone(delivery)
            return
        rule = None
        if delivery.status != "sent":
            rule = matched(lane.lane.provider.name, delivery.dsn, delivery.text)
        self._counted(lane, delivery, result_of(delivery, rule))
        if rule and rule.effect:
            self._answered(lane, rule, rule.effect, delivery.domain)
        elif delivery.status == "sent" and lane.reaction.mode != "normal":
            connections = lane.lane.provider.connections
            self._books.react(lane, reactions.on_success(lane.reaction, self._books.now(), connections))

    def _untried(self, delivery: Delivery) -> None:
        """Postfix put it off, or gave it up, by itself: no attempt, but it is under way no more."""
        queue_id = delivery.queue_id
        lane = next((it for it in self._books.lanes.values() if queue_id in it.outstanding), None)
        if lane is None:
            return
        rowless = queue_id in lane.rowless
        known = None if rowless else self._row(queue_id)
        lane.back(queue_id)
        if delivery.status == "deferred":
            self._deferred(lane, queue_id, "", known, rowless=rowless)
        elif known:
            rows.delete(self._books, [queue_id])

    def _gone(self, delivery: Delivery) -> None:
        """A lane that is no longer in the configuration delivered what it still had."""
        if delivery.status != "deferred":
            self._books.store.begin()
            self._books.store.execute("DELETE FROM message WHERE queue_id = ?", (delivery.queue_id,))

    def _counted(self, lane: LaneState, delivery: Delivery, result: Result) -> None:
        books, queue_id = self._books, delivery.queue_id
        rowless = queue_id in lane.rowless
        outstanding = lane.back(queue_id)
        known = None if rowless else self._row(queue_id)
        if known and known.state == "held":
            self._slipped(lane, known)
        elif not known and not outstanding:
            self._adopt(lane, queue_id)
        before = self._before(known)
        books.stat(lane.name).count(result, before)
        if known and known.budget in books.budgets:
            books.stat(known.budget).count(result, before)
        if delivery.status == "deferred":
            self._deferred(lane, queue_id, result, known, rowless=rowless)
        elif known:
            books.store.begin()
            books.store.execute("DELETE FROM message WHERE queue_id = ?", (queue_id,))

    def _row(self, queue_id: str) -> Known | None:
        statement = "SELECT lane, budget, state, paid, seen FROM message WHERE queue_id = ?"
        found = self._books.store.execute(statement, (queue_id,)).fetchone()
        return Known(*found) if found else None

    def _slipped(self, lane: LaneState, known: Known) -> None:
        """A held message was delivered: a person let it go with postsuper. It counts, beyond the budget if need be."""
        holder = self._books.lanes.get(known.lane)
        if holder:
            holder.wait_more(known.budget, -1)
        if not known.paid:
            if lane.account.plan:
                lane.account.take()
            if budget := self._books.budgets.get(known.budget):
                budget.take()
            self._books.stat(lane.name).bypassed += 1

    def _before(self, known: Known | None) -> Result | None:
        """The message's earlier result of today."""
        day, _, result = known.seen.partition(":") if known else ("", "", "")
        return result if day == str(self._books.day) else None  # type: ignore[return-value]

    def _deferred(
        self, lane: LaneState, queue_id: str, result: Result | Literal[""], known: Known | None, *, rowless: bool
    ) -> None:
        """Remember where it lies: if the lane is closed it is put on hold, so that it does not knock again and again."""
        store, seen = self._books.store, f"{self._books.day}:{result}" if result else (known.seen if known else "")
        store.begin()
        if known:
            # An attempt that had begun before it was held says nothing of where it lies: reconcile.py looks.
            state = "lost" if known.state in ("held", "holding") else "deferred"
            store.execute(
                "UPDATE message SET state = ?, paid = 1, seen = ? WHERE queue_id = ?", (state, seen, queue_id)
            )
            return
        books = self._books
        store.execute(
            "INSERT INTO message(queue_id, lane, budget, stream, place, at, state, paid, hour, day, key, seen)"
            " VALUES(?, ?, '', ?, ?, ?, 'deferred', 1, 0, 0, NULL, ?)",
            (queue_id, lane.name, "" if rowless else UNKNOWN_STREAM, books.place, time.time(), seen),
        )
        books.place += 1

    def _answered(self, lane: LaneState, rule: Rule, effect: Effect, domain: str) -> None:
        """React, if enough was said: behind "other" stand thousands of domains, and none of them speaks for the rest."""
        if lane.lane.provider.name not in (OTHER, UNKNOWN):
            self._react(lane, rule)
        elif self._said_by_several(lane, rule.id, effect, domain):
            self._react(lane, replace(rule, effect=replace(effect, hits=1)))

    def _said_by_several(self, lane: LaneState, rule: str, effect: Effect, domain: str) -> bool:
        """Whether as many domains say so as the rule wants hits, and at least three. Then all is counted anew."""
        now = self._books.now()
        said = self._said.setdefault((lane.name, rule), {})
        said[domain] = now
        for old in [it for it, at in said.items() if now - at >= effect.within]:
            del said[old]
        several = len(said) >= max(SEVERAL, effect.hits)
        if several:
            said.clear()
        return several

    def _react(self, lane: LaneState, rule: Rule) -> None:
        """Do what the rule says, at all lanes of the provider if it says so."""
        assert rule.effect  # noqa: S101 - for the type
        books, wide = self._books, rule.effect.scope == "provider"
        provider = lane.lane.provider.name
        for it in [it for it in books.lanes.values() if wide and it.lane.provider.name == provider] or [lane]:
            reaction, reason = reactions.on_reply(it.reaction, rule, books.now())
            books.react(it, reaction)
            if reason:
                books.decided(it.name, reaction.mode, reason)
