"""Decides whether a login may send one more message, and counts it if so.

Postfix asks at DATA: all recipients are known then and nothing of the message has been sent yet. Promise: over a limit the
client is told to come again (451), so no mail is lost; only a message that no waiting helps, for it has more recipients
than any hour or day allows, is refused for good, before it was taken. An error of ours has the outcome the inventory says.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from postwright.limits.config import KINDS, Config, ConfigError, read
from postwright.limits.counts import Counts
from postwright.pacing.clock import LabOffset
from postwright.pacing.policy import WHO, Request, answer

PASS = b"DUNNO"
# To ``request=status``, which no Postfix asks: a message of nobody was counted, and is found again.
COUNTED = b"COUNTED"
FAILED = b"451 4.3.0 the limit of messages cannot be looked up now, try again later"


class Limiter:
    """Answers Postfix. A changed configuration is taken at the next question; a broken one is not, and is told.

    ``give_up`` is called when the database fails: a new start looks at it afresh, and puts it aside if it is damaged.
    """

    def __init__(
        self, path: Path, counts: Counts, complain: Callable[[str], None], give_up: Callable[[], object]
    ) -> None:
        self._path, self._counts, self._complain, self._give_up = path, counts, complain, give_up
        self._version = _version(path)
        self._take(read(path))
        self._offset = LabOffset(self._config.lab_clock)

    def _take(self, config: Config) -> None:
        self._config = config
        self.failure = answer(FAILED if config.failure == "defer" else PASS)

    def ask(self, request: Request | None, reply: Callable[[bytes], None]) -> None:
        try:
            reply(self.failure if request is None else answer(self._decided(request)))
        except sqlite3.Error as error:
            self._complain(f"the database cannot be used: {error}")
            reply(self.failure)
            self._give_up()

    def _decided(self, request: Request) -> bytes:
        if request.get(b"request") == b"status":
            return self._status()
        config = self._current()
        who = (request.get(name, b"").decode(errors="replace") for name in WHO)
        login = config.login_of(*who)
        limits = config.limits(login) if login else {}
        if not limits:
            return PASS
        now = time.time() + self._offset()
        recipients = _number(request.get(b"recipient_count", b""))
        sent = self._counts.sent(login, now)
        for kind, (unit, seconds, period) in KINDS.items():
            most, more = limits.get(kind), recipients if unit == "recipients" else 1
            if most is not None and more > most:
                return _too_many(login, more, most, period)
            if most is not None and sent.within(seconds)[unit] + more > most:
                return _over(login, unit, most, period)
        self._counts.count(login, recipients, now)
        return PASS

    def _status(self) -> bytes:
        now = time.time()
        self._counts.count("", 1, now)
        return COUNTED if self._counts.sent("", now).hour["messages"] else FAILED

    def _current(self) -> Config:
        version = _version(self._path)
        if version != self._version:
            self._version = version
            try:
                self._take(read(self._path))
            except ConfigError as error:
                self._complain(f"{error}; the limits before go on")
        return self._config


def _too_many(login: str, more: int, most: int, period: str) -> bytes:
    return f"554 5.5.3 {login} may send to {most} recipients in any {period}; these are {more}, send in parts".encode()


def _over(login: str, unit: str, most: int, period: str) -> bytes:
    what = f"{most} messages" if unit == "messages" else f"to {most} recipients"
    return f"451 4.7.1 {login} may send {what} in any {period}; that is reached, try again later".encode()


def _number(text: bytes) -> int:
    return max(1, int(text)) if text.isdigit() else 1


def _version(path: Path) -> tuple[int, int, int]:
    """What tells one version of a file from another; it is replaced by rename."""
    try:
        info = os.stat(path)  # noqa: PTH116 - asked for every message
    except OSError:
        return (0, 0, 0)
    return (info.st_ino, info.st_mtime_ns, info.st_size)
