"""The agent's memory on disk: SQLite in WAL mode, each commit flushed to the disk before anybody is answered.

One open transaction gathers all that happens in one turn of the event loop; ``commit`` then ends it for everybody who
waits (group commit). If the disk refuses, all of them are told so, and what is in memory must be loaded again.
Must not decide anything, and never starts from nothing without saying so (``set_aside``).
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

SCHEMA = 1
_TABLES = """
CREATE TABLE spent(account TEXT, window TEXT, n INTEGER NOT NULL, PRIMARY KEY(account, window)) WITHOUT ROWID;
CREATE TABLE message(
  queue_id TEXT PRIMARY KEY, lane TEXT NOT NULL, budget TEXT NOT NULL, place INTEGER NOT NULL, at REAL NOT NULL,
  state TEXT NOT NULL, paid INTEGER NOT NULL, hour INTEGER NOT NULL, day INTEGER NOT NULL, stream TEXT NOT NULL,
  key BLOB, seen TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX held ON message(lane, budget, paid, place) WHERE state = 'held';
CREATE INDEX streams ON message(stream, lane, at) WHERE state = 'held' AND stream != '';
CREATE INDEX moving ON message(state, lane, place) WHERE state != 'held';
CREATE TABLE standing(account TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE reaction(account TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE stats(account TEXT, day INTEGER, json TEXT NOT NULL, PRIMARY KEY(account, day)) WITHOUT ROWID;
CREATE TABLE expected(id INTEGER PRIMARY KEY, key BLOB NOT NULL, lane TEXT NOT NULL, budget TEXT NOT NULL,
  place INTEGER NOT NULL, forced TEXT NOT NULL, paid INTEGER NOT NULL, made REAL NOT NULL, stream TEXT NOT NULL DEFAULT '');
CREATE INDEX expecting ON expected(key, place);
CREATE TABLE decisions(id INTEGER PRIMARY KEY, at REAL, lane TEXT, what TEXT, reason TEXT);
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_NAMES = set(re.findall(r"CREATE (?:TABLE|INDEX) (\w+)", _TABLES))

Told = Callable[[bool], None]


class StoreError(sqlite3.OperationalError):
    """The database cannot be written or read now; the text is SQLite's."""


class Store:
    """An open database. ``set_aside``: the path the former, unusable one was moved to, or None."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self.set_aside: Path | None = None
        self.fresh = not path.exists()
        self.before_commit: list[Callable[[], None]] = []
        self.problem = ""
        self.stale = False  # what is in memory may differ from what is here
        self.broken = False  # only a new start, which sets the file aside, can help
        self._told: list[Told] = []
        try:
            self._db = _opened(path)
        except sqlite3.OperationalError as error:
            raise StoreError(f"{path}: {error}") from error  # busy, no permission, disk full: not the file's fault
        except sqlite3.DatabaseError:
            self.set_aside = _moved_away(path, now())
            self._db = _opened(path)
        self.execute = self._db.execute
        self.many = self._db.executemany

    def begin(self) -> None:
        """Make sure that a transaction is open; StoreError if the database does not let us."""
        if not self._db.in_transaction:
            try:
                self.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                self._failed(error)
                raise StoreError(str(error)) from error

    def after(self, told: Told) -> None:
        """Have ``told(ok)`` called when the open transaction is on disk, or has failed."""
        self._told.append(told)

    @property
    def pending(self) -> bool:
        return bool(self._told) or self._db.in_transaction

    def commit(self) -> bool:
        """End the open transaction and tell everybody; False if the disk refused: then ``stale`` is set."""
        done = True
        try:
            for hook in self.before_commit:
                hook()
            if self._db.in_transaction:
                self.execute("COMMIT")
                self.problem = ""
        except sqlite3.Error as error:
            done = self._failed(error)
        self._tell(done)
        return done

    def fail(self, error: sqlite3.Error) -> None:
        """A statement failed: nothing of the open transaction counts."""
        self._failed(error)
        self._tell(False)

    def _failed(self, error: sqlite3.Error) -> bool:
        self.problem = f"{self.path.name}: {error}"
        self.stale = True
        self.broken = self.broken or type(error) is sqlite3.DatabaseError  # "malformed", "is not a database"
        if self._db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self.execute("ROLLBACK")
        return False

    def _tell(self, done: bool) -> None:
        told, self._told = self._told, []
        for call in told:
            call(done)

    def one(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.execute(statement, values).fetchone()
        return None if row is None else row[0]

    def meta(self, name: str, otherwise: str = "") -> str:
        found = self.one("SELECT value FROM meta WHERE name = ?", (name,))
        return otherwise if found is None else str(found)

    def set_meta(self, **values: str) -> None:
        self.begin()
        self.many("INSERT OR REPLACE INTO meta VALUES(?, ?)", values.items())

    def put(self, table: str, rows: Iterable[Sequence[Any]], columns: int = 2) -> None:
        """Insert or replace whole rows of one of the small tables."""
        self.begin()
        self.many(f"INSERT OR REPLACE INTO {table} VALUES({','.join('?' * columns)})", rows)

    def close(self) -> None:
        """End what is open, on disk if possible."""
        self.commit()
        self._db.close()


def _opened(path: Path) -> sqlite3.Connection:
    """The database, made if it is new; sqlite3.DatabaseError if it is damaged or of another make."""
    database = sqlite3.connect(path, timeout=5, isolation_level=None, cached_statements=256)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA temp_store = MEMORY")
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not database.execute("SELECT 1 FROM sqlite_master").fetchone():
            database.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
        elif version != SCHEMA or database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError(f"{path}: schema {version}, or damaged")
        if not {name for (name,) in database.execute("SELECT name FROM sqlite_master")} >= _NAMES:
            raise sqlite3.DatabaseError(f"{path}: tables are missing")
        if "stream" not in {row[1] for row in database.execute("PRAGMA table_info(expected)")}:  # of an older make
            database.execute("ALTER TABLE expected ADD COLUMN stream TEXT NOT NULL DEFAULT ''")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _moved_away(path: Path, now: float) -> Path:
    """Keep a database that cannot be used, with what belongs to it, for a person to look at."""
    target = path.with_name(f"{path.name}.broken-{int(now)}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(target.with_name(target.name + suffix))
    return target
