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
from postwright.pacing.policy import Request, answer

PASS = b"DUNNO"
FAILED = b"451 4.3.0 the limit of messages cannot be looked up now, try again later"


class Limiter:
    """Answers Postfix. A changed configuration is taken at the next question; a broken one is not, and is told."""

    def __init__(self, path: Path, counts: Counts, complain: Callable[[str], None]) -> None:
        self._path, self._counts, self._complain = path, counts, complain
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

    def _decided(self, request: Request) -> bytes:
        config = self._current()
        user, certificate = (request.get(name, b"").decode(errors="replace") for name in _WHO)
        login = config.login_of(user, certificate)
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

    def _current(self) -> Config:
        version = _version(self._path)
        if version != self._version:
            self._version = version
            try:
                self._take(read(self._path))
            except ConfigError as error:
                self._complain(f"{error}; the limits before go on")
        return self._config


_WHO = (b"sasl_username", b"ccert_fingerprint")


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
