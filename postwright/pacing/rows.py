"""Rows of messages in the database, as those who move mail read and change them. Holds no state of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .books import Books

_COLUMNS = "queue_id, lane, budget, place, at, paid, key, stream"


class Row(NamedTuple):
    """A message we know; ``at``: when it came, epoch seconds; ``key``: by whom and for whom, as expected() compares it."""

    queue_id: str
    lane: str
    budget: str
    place: int
    at: float
    paid: int
    key: bytes | None
    stream: str = ""


def select(books: Books, where: str, values: Sequence[object], limit: int) -> list[Row]:
    """Rows that a condition of ours holds for."""
    statement = f"SELECT {_COLUMNS} FROM message WHERE {where} LIMIT ?"  # noqa: S608 - conditions of our own
    return [Row(*row) for row in books.store.execute(statement, (*values, limit))]


def moving(books: Books, states: Sequence[str], lane: str | None = None, limit: int = 50) -> list[Row]:
    """Messages in these states, none of them held, in order of arrival; of one lane, or of all."""
    marks = ",".join("?" * len(states))
    where = f"state != 'held' AND state IN ({marks})"  # the first part lets SQLite use the index "moving"
    if lane is None:
        return select(books, f"{where} ORDER BY place", states, limit)
    return select(books, f"{where} AND lane = ? ORDER BY place", (*states, lane), limit)


def states(books: Books, first: str, last: str) -> dict[str, str]:
    """The states of all messages from one id to another."""
    statement = "SELECT queue_id, state FROM message WHERE queue_id BETWEEN ? AND ?"
    return dict(books.store.execute(statement, (first, last)).fetchall())


def known(books: Books, ids: Sequence[str]) -> dict[str, str]:
    """The states of those of these messages that have a row."""
    marks = ",".join("?" * len(ids))
    statement = f"SELECT queue_id, state FROM message WHERE queue_id IN ({marks})"  # noqa: S608 - only marks
    return dict(books.store.execute(statement, ids).fetchall())


def next_held(books: Books, lane: str, budgets: Iterable[str], limit: int) -> list[Row]:
    """The first held messages of a lane: paid ones, then those of these domain budgets, each in order of arrival."""
    where = "state = 'held' AND lane = ? AND budget = ? AND paid = ? ORDER BY place"
    names = list(books.lanes[lane].waiting) if lane in books.lanes else []
    paid = [row for name in names for row in select(books, where, (lane, name, 1), limit)]
    others = [row for name in budgets for row in select(books, where, (lane, name, 0), limit)]
    return (sorted(paid, key=lambda it: it.place) + sorted(others, key=lambda it: it.place))[:limit]


def set_state(books: Books, ids: Iterable[str], state: str, only: str | None = None) -> None:
    """A new state; with ``only`` for those that are in that one still, whatever the log said meanwhile."""
    books.store.begin()
    if only is None:
        books.store.many("UPDATE message SET state = ? WHERE queue_id = ?", [(state, it) for it in ids])
    else:
        statement = "UPDATE message SET state = ? WHERE queue_id = ? AND state = ?"
        books.store.many(statement, [(state, it, only) for it in ids])


def set_paid(books: Books, ids: Iterable[str]) -> None:
    """Being released, each with a token of the present windows."""
    books.store.begin()
    books.store.many(
        "UPDATE message SET state = 'releasing', paid = 1, hour = ?, day = ? WHERE queue_id = ?",
        [(books.hour, books.day, it) for it in ids],
    )


def delete(books: Books, ids: Iterable[str]) -> None:
    books.store.begin()
    books.store.many("DELETE FROM message WHERE queue_id = ?", [(it,) for it in ids])


def expect(books: Books, rows: Iterable[Row], forced: str) -> None:
    """Know these again when they come by the gate under new queue ids."""
    books.store.begin()
    books.store.many(
        "INSERT INTO expected(key, lane, budget, place, forced, paid, made, stream) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        [(it.key, it.lane, it.budget, it.place, forced, it.paid, time.time(), it.stream) for it in rows if it.key],
    )


def unexpect(books: Books, rows: Iterable[Row]) -> None:
    books.store.begin()
    books.store.many("DELETE FROM expected WHERE key = ? AND place = ?", [(it.key, it.place) for it in rows])


def distinct(books: Books, found: Sequence[Row]) -> list[Row]:
    """Those that will be known again for sure: none with the sender and recipient of one expected for another stream."""
    streams: dict[bytes, str] = {}
    chosen = []
    for row in found:
        if row.key is not None and row.key not in streams:
            expected = books.store.one("SELECT stream FROM expected WHERE key = ? LIMIT 1", (row.key,))
            streams[row.key] = row.stream if expected is None else expected
        if row.key is None or streams[row.key] == row.stream:
            chosen.append(row)
    return chosen


def expected_soon(books: Books, lane: str) -> int:
    """Messages of a lane that are on their way through the gate and will want a token."""
    statement = "SELECT count(*) FROM expected WHERE lane = ? AND forced = '' AND paid = 0 AND made > ?"
    return int(books.store.one(statement, (lane, time.time() - 120)))


def under_way(books: Books, lane: str) -> int:
    """All of a lane's messages that are on their way through the gate."""
    return int(books.store.one("SELECT count(*) FROM expected WHERE lane = ? AND made > ?", (lane, time.time() - 120)))
