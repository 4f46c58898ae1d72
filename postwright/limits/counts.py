"""What each login has sent: messages and recipients by the minute, in a database that outlives restarts.

Promise: a window is the last hour or day to the minute, so no limit can be had twice at a full hour. After a power cut the
counts of the last moments may be missing; a damaged database is put aside, and counting begins anew.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from postwright.limits.config import DAY, HOUR, Unit

MINUTE = 60
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sent (
    login TEXT NOT NULL, minute INTEGER NOT NULL, messages INTEGER NOT NULL, recipients INTEGER NOT NULL,
    PRIMARY KEY (login, minute)
) WITHOUT ROWID
"""
_COUNT = """
INSERT INTO sent VALUES (?, ?, 1, ?)
ON CONFLICT DO UPDATE SET messages = messages + 1, recipients = recipients + excluded.recipients
"""
_SUM = """
SELECT total(messages), total(recipients),
       total(messages) FILTER (WHERE minute > ?2), total(recipients) FILTER (WHERE minute > ?2)
FROM sent WHERE login = ?1 AND minute > ?3
"""


@dataclass(frozen=True)
class Sent:
    """What a login has sent in the last hour and day."""

    hour: dict[Unit, int]
    day: dict[Unit, int]

    def within(self, seconds: int) -> dict[Unit, int]:
        return self.hour if seconds == HOUR else self.day


class Counts:
    """The database. sqlite3.Error comes out where it cannot be used."""

    def __init__(self, path: Path) -> None:
        try:
            self._base = _opened(path)
        except sqlite3.OperationalError:
            raise  # locked, or no room: not the file's fault
        except sqlite3.DatabaseError:
            path.replace(path.with_suffix(".damaged"))
            for part in ("-wal", "-shm"):
                path.with_name(path.name + part).unlink(missing_ok=True)
            self._base = _opened(path)
        self._cleaned = 0

    def sent(self, login: str, now: float) -> Sent:
        minute = int(now) // MINUTE
        row = self._base.execute(_SUM, (login, minute - HOUR // MINUTE, minute - DAY // MINUTE)).fetchone()
        day, hour = (int(row[0]), int(row[1])), (int(row[2]), int(row[3]))
        return Sent({"messages": hour[0], "recipients": hour[1]}, {"messages": day[0], "recipients": day[1]})

    def count(self, login: str, recipients: int, now: float) -> None:
        """One more message."""
        minute = int(now) // MINUTE
        self._base.execute(_COUNT, (login, minute, recipients))
        if minute != self._cleaned:
            self._base.execute("DELETE FROM sent WHERE minute <= ?", (minute - DAY // MINUTE,))
            self._cleaned = minute

    def close(self) -> None:
        self._base.close()


def _opened(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = NORMAL")
    base.execute(_SCHEMA)
    if (found := base.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise sqlite3.DatabaseError(found)
    return base
