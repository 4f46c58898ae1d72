"""After the database was lost: standings from their shadow copy, the present windows from the journal. Never from zero.

Promise: what the journal does not reach back to counts as spent; what it cannot tell (domain budgets) too; all of it is
logged and shown in status.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Protocol

from . import windows
from .accounts import Account, LaneState
from .books import Books
from .lines import Delivery

NEEDED = "rebuild"  # in meta, until it is done


class Log(Protocol):
    def past(self, since: float) -> AsyncIterator[list[Delivery]]: ...
    async def begins(self) -> float: ...


def lost(books: Books) -> bool:
    """Whether the database is new although there was one: it was set aside, or its file is gone."""
    return (
        bool(books.store.set_aside) or (books.store.fresh and books.shadow.exists()) or bool(books.store.meta(NEEDED))
    )


async def rebuild(books: Books, log: Log) -> None:
    """Bring back what can be known. If this is cut short it is done again at the next start."""
    books.store.set_meta(**{NEEDED: "1"})
    _standings(books)
    begun = {"hour": books.hour * windows.HOUR, "day": books.day * windows.DAY}
    moved = books.now() - books.clock.guarded()  # the journal knows nothing of a lab's clock
    try:
        reaches = await log.begins() + moved
        counts = {key: await _counted(log, start - moved) for key, start in begun.items()}
    except Exception as error:  # noqa: BLE001 - a journal that cannot be read tells nothing, however it fails
        books.log(f"problem: the journal cannot be read: {error}")
        reaches, counts = float("inf"), {key: (Counter[str](), set[str]()) for key in begun}
    books.opened_or_same(books.now())
    for account in books.accounts.values():
        for key, (found, _) in counts.items():
            known = reaches <= begun[key] and account.name in books.lanes
            _spend(books, account, key, found[account.name] if known else None)
    books.store.set_meta(
        **{NEEDED: "", "adopting": "1", "rebuilt": str(books.day), "counted": json.dumps(sorted(counts["day"][1]))}
    )
    books.keep_shadow()
    where = books.store.set_aside
    text = f"the database was lost{f' (kept as {where.name})' if where else ''}: stages come from {books.shadow.name}, "
    books.store.set_meta(lost=text + "counters from the log; windows the log does not reach back to count as spent")


def _standings(books: Books) -> None:
    """Where the shadow copy says each account stands; without one at the first stage."""
    data: Any = {}
    with contextlib.suppress(OSError, ValueError):
        data = json.loads(books.shadow.read_text(encoding="utf-8"))
    known = data.get("standings") if isinstance(data, dict) else None
    for account in books.accounts.values():
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            account.restore(known[account.name])  # type: ignore[index]
        books.keep_standing(account)


async def _counted(log: Log, since: float) -> tuple[Counter[str], set[str]]:
    """Messages by lane with a result since then, each once, and their ids."""
    found: dict[str, str] = {}
    async for deliveries in log.past(since):
        found |= {it.queue_id: it.lane for it in deliveries if it.lane}
    return Counter(found.values()), set(found)


def _spend(books: Books, account: Account, window: str, count: int | None) -> None:
    """What was spent in a window; None: nobody knows, so all of it."""
    limit = getattr(account.limits, window)
    if count is None and limit is not None:
        books.log(f"problem: {account.name}: the log does not tell what this {window} spent; it counts as used up")
    setattr(account, window, max(getattr(account, window), (limit or 0) if count is None else count))
    account.dirty = True


def still_told(books: Books) -> str:
    """What status says of it: until the guessed windows are over, with the day."""
    return books.store.meta("lost") if books.store.meta("rebuilt") == str(books.day) else ""


class Latecomers:
    """Deliveries of messages that left before the database was lost, and were not in the log when the windows were counted."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._day = books.store.meta("rebuilt")
        self._counted = set(json.loads(books.store.meta("counted", "[]"))) if self._day == str(books.day) else set()

    def __call__(self, lane: LaneState, queue_id: str) -> None:
        if self._day == str(self._books.day) and lane.account.plan and queue_id not in self._counted:
            self._counted.add(queue_id)
            lane.account.take()
