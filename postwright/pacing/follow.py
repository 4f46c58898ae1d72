"""Follows the deliveries in the host's journal, from where one left off.

Promise: every delivery line of the lanes is handed over in order, and none twice as long as the cursor that was handed over
with it is given back; a journalctl that ends or is killed is started again where it was. Only lines logged by the user
Postfix runs as count: anybody may log under any name, but nobody as that user.
Needs to read the system's journal (group systemd-journal). Starts journalctl, and no shell.
"""

from __future__ import annotations

import asyncio
import json
import logging
import pwd
import re
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from .lines import SUSPENDED, Delivery, identifier_of, parse

Handle = Callable[[Sequence[Delivery], str], Awaitable[None]]

_log = logging.getLogger(__name__)
_LINES, _LINGER = 500, 0.1  # at most so many lines, or what comes within so many seconds, are handed over at once
_QUIET = 1.0  # seconds between looks at the lanes
_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds before journalctl is started again; the longer, the more often in vain
_TROUBLE = 2.0  # a pause longer than this is told
_CHUNK, _BUFFER = 1 << 16, 1 << 20
_MOMENT = re.compile(r"(?:^|;)t=([0-9a-f]{1,16})(?:;|$)")
# Users' journals hold nothing of Postfix, and looking through them costs. What is always there is printed anyway.
_JOURNALCTL = ("journalctl", "--system", "--no-pager", "--quiet", "--output=json")
_NEEDED, _NOTHING = "--output-fields=MESSAGE,SYSLOG_IDENTIFIER", "--output-fields=_BOOT_ID"


class JournalError(Exception):
    """The journal could not be read; a journal that holds nothing is no error."""


class Entry(NamedTuple):
    """``at``: when journald took it in, epoch seconds. Without needed fields if those were not asked for."""

    cursor: str
    at: float
    identifier: str
    message: str


class Follower:
    """``lanes``: asked once a second, so that a new configuration counts at once. ``user``: whom Postfix runs as."""

    def __init__(self, lanes: Callable[[], Iterable[str]], user: str = "postfix") -> None:
        self._lanes = lanes
        self._user = user
        self.trouble = ""  # why nothing can be read now

    async def run(self, handle: Handle, cursor: str | None) -> None:
        """Hand over what is logged after ``cursor`` (None: from now on), for ever; at most 500 lines at once, or those of 100 ms.

        The cursor given with them is that of the last line: commit both together. The lines may hold no delivery. Ends only by
        what ``handle`` raises, by an OSError if journalctl cannot be started, or cancelled.
        """
        place = await _newest() if cursor is None else cursor
        pause = _PAUSE
        while True:
            before = place
            if lanes := frozenset(self._lanes()):
                place = await self._follow(lanes, handle, place)
            moved = place != before or not lanes
            pause = _PAUSE if moved else min(2 * pause, _LONGEST_PAUSE)
            if pause > _TROUBLE:
                self.trouble = "the journal cannot be followed: journalctl ends again and again, `journalctl -u postwright-pacing` says why"
            await asyncio.sleep(pause)

    async def past(self, since: float) -> AsyncIterator[list[Delivery]]:
        """The deliveries logged from ``since`` (epoch seconds) until now, oldest first, some hundred at a time.

        Raises JournalError when it cannot read on: what was given until then is not all.
        """
        if not (lanes := frozenset(self._lanes())):
            return
        async with _started(_NEEDED, f"--since=@{since:.6f}", *self._matches(lanes)) as process:
            async for lines in _batches(process):
                yield [delivery for entry in _entries(lines) if (delivery := _delivery(entry))]
            if await process.wait():
                raise JournalError(f"journalctl ended with status {process.returncode} before it had read all")

    async def history(self, since: float) -> list[Delivery]:
        """All of ``past`` at once."""
        return [delivery async for batch in self.past(since) for delivery in batch]

    async def begins(self) -> float:
        """The time of the journal's oldest line, epoch seconds; now if it holds none."""
        oldest = await _first(_NOTHING)
        return oldest.at if oldest else time.time()

    def _matches(self, lanes: Iterable[str]) -> list[str]:
        """What journalctl takes as: this user, and one of these identifiers."""
        names = (SUSPENDED, *map(identifier_of, lanes))
        identifiers = sorted(f"SYSLOG_IDENTIFIER={name}" for name in names)
        return [f"_UID={pwd.getpwnam(self._user).pw_uid}", *identifiers]

    async def _follow(self, lanes: frozenset[str], handle: Handle, cursor: str) -> str:
        """Until the lanes are others or journalctl ends; the cursor of the last line that was handed over."""
        # --merge: by itself --follow shows the present boot only, and the last lines before a crash would never be seen.
        follow = ("--follow", "--merge", "--no-tail", _NEEDED)
        async with _started(*follow, *await _from(cursor), *self._matches(lanes)) as process:
            started = time.monotonic()
            async for lines in _batches(process):
                if lines or time.monotonic() > started + _TROUBLE:
                    self.trouble = ""
                # The line at the cursor comes again: --after-cursor of systemd 252 leaves out one more, if none is there yet.
                entries = [entry for entry in _entries(lines) if not _same(entry.cursor, cursor)]
                if entries:
                    await handle([delivery for entry in entries if (delivery := _delivery(entry))], entries[-1].cursor)
                    cursor = entries[-1].cursor
                if frozenset(self._lanes()) != lanes:
                    return cursor
        _log.warning("journalctl ended; it is started again where it was")
        return cursor


@asynccontextmanager
async def _started(*arguments: str) -> AsyncIterator[Process]:
    """A journalctl that ends with the block. What it complains about goes to our own stderr."""
    process = await asyncio.create_subprocess_exec(*_JOURNALCTL, *arguments, stdin=DEVNULL, stdout=PIPE, limit=_BUFFER)
    assert process.stdout  # noqa: S101 - for the type; it was started with a pipe
    try:
        yield process
    finally:
        # One that is ending is let end: to kill it, Popen looks after it itself, and asyncio then misses its status.
        if not process.stdout.at_eof():
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def _batches(process: Process) -> AsyncIterator[list[bytes]]:
    """Whole lines until it ends, and none once a second in which there are none. The last one may be cut off: it is left out."""
    assert process.stdout  # noqa: S101 - as above
    rest = b""
    while (data := await _some(process.stdout)) != b"":
        *lines, rest = (rest + (data or b"")).split(b"\n")
        for start in range(0, max(1, len(lines)), _LINES):
            yield lines[start : start + _LINES]


async def _some(reader: asyncio.StreamReader) -> bytes | None:
    """What comes, and what follows it closely; None if nothing comes for a second, nothing at the end."""
    try:
        data = await asyncio.wait_for(reader.read(_CHUNK), _QUIET)
    except TimeoutError:
        return None
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            while data.count(b"\n") < _LINES and (more := await reader.read(_CHUNK)):
                data += more
    return data


async def _from(cursor: str) -> list[str]:
    """The arguments to begin at a cursor, whose own line comes first; "" for the very beginning."""
    if not cursor:
        return []
    found = await _first(_NOTHING, "--lines=1", f"--cursor={cursor}")
    if found and _same(found.cursor, cursor):
        return [f"--cursor={cursor}"]
    moment = _MOMENT.search(cursor)
    since = int(moment[1], 16) / 1e6 if moment else time.time()
    if not moment or cursor != moment[0]:  # it named a line, not only a moment
        _log.warning("the journal no longer has the line %s: going on with the lines since @%.6f", cursor, since)
    return [f"--since=@{since:.6f}"]


def _same(cursor: str, other: str) -> bool:
    """Whether two cursors are of one line. Their number (s, i) is another one once the line was moved to another file."""
    return cursor.partition(";b=")[1:] == other.partition(";b=")[1:]


async def _newest() -> str:
    """The cursor of the journal's last line, or "" if there is none."""
    newest = await _first(_NOTHING, "--lines=1")
    return newest.cursor if newest else ""


async def _first(*arguments: str) -> Entry | None:
    """The first line journalctl prints."""
    async with _started(*arguments) as process:
        assert process.stdout  # noqa: S101 - as above
        line = await process.stdout.readline()
        await process.stdout.read(1)  # its end, if there is but one line
        return next(_entries([line]), None)


def _entries(lines: Iterable[bytes]) -> Iterator[Entry]:
    """Lines of journalctl's JSON; one that is none is left out."""
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            fields = json.loads(line)
            at = int(fields["__REALTIME_TIMESTAMP"]) / 1e6
            yield Entry(fields["__CURSOR"], at, _text(fields.get("SYSLOG_IDENTIFIER")), _text(fields.get("MESSAGE")))


def _text(value: object) -> str:
    """A field: an array of octets if it is no UTF-8, an array of texts if there are several, null if it is too long."""
    if isinstance(value, list) and value and not isinstance(value[0], int):
        return _text(value[0])
    return bytes(value).decode(errors="replace") if isinstance(value, list) else str(value or "")


def _delivery(entry: Entry) -> Delivery | None:
    return parse(entry.identifier, entry.message, entry.at)
