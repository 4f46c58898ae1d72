"""All ids that are on hold at a moment, up to millions, in little memory; has nothing to do with the agent's database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

CHUNK = 2000


class Listing:
    """Ids, each once. A database of its own: what is rolled back elsewhere must not shorten it."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        self._db.execute("CREATE TABLE listing(id TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, ids: Iterable[str]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO listing VALUES(?)", [(it,) for it in ids])

    def those(self, ids: Sequence[str]) -> set[str]:
        """Which of at most CHUNK ids are listed."""
        marks = ",".join("?" * len(ids))
        return {it for (it,) in self._db.execute(f"SELECT id FROM listing WHERE id IN ({marks})", ids)}  # noqa: S608

    def chunks(self) -> Iterator[list[str]]:
        """All ids in their order, CHUNK at a time."""
        last = ""
        while ids := [
            it for (it,) in self._db.execute("SELECT id FROM listing WHERE id > ? ORDER BY id LIMIT ?", (last, CHUNK))
        ]:
            yield ids
            last = ids[-1]

    def close(self) -> None:
        self._db.close()
