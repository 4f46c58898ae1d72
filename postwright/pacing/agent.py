"""The agent: sockets, the clock's second, the log's follower, releases and reconciliation around one Pacer.

Promise: SIGTERM ends it with everything on disk and every question answered; SIGHUP reads the configuration again, and one
that has problems is refused while the old one stays. Runs as a user without rights; what needs root is asked of the keeper.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import control, metrics, presence, reactions, rebuild, systemd
from .books import Books
from .clock import Clock, LabOffset
from .config import Config, ConfigError, read
from .control import Control
from .follow import Follower
from .keeping import Keeper
from .mx import Exchangers
from .pacer import Pacer
from .reconcile import Reconciliation
from .release import Release
from .results import Results
from .server import Client, Complaints
from .store import Store

_BOOT = Path("/proc/sys/kernel/random/boot_id")
# The path of a socket that systemd listens on stays when we end; from Python 3.13 on asyncio would remove it.
_KEPT: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}


@dataclass(frozen=True)
class Paths:
    """Where things are; the defaults are a host's."""

    config: Path
    state: Path = Path("/var/lib/postwright-pacing")
    keeper: str = "/run/postwright-pacing-keeper.sock"
    control: str = "/run/postwright-pacing/control.sock"
    policy: str = "/var/spool/postfix/pacing/policy.sock"


@dataclass
class Parts:
    """What may be another thing in a test: who answers for DNS, for the journal, for the keeper, for the interfaces."""

    exchangers: Any = None
    follower: Any = None
    keeper: Any = None
    absent: Callable[[Iterable[str]], frozenset[str]] = presence.absent
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)


def log(text: str) -> None:
    """One line to the journal."""
    print(text.replace("\n", " "), flush=True)  # noqa: T201 - stdout is the journal


class Agent:
    """All parts, bound together. ``run`` is its life."""

    def __init__(self, paths: Paths, config: Config, parts: Parts | None = None) -> None:
        self.paths, self.config, self.parts = paths, config, parts or Parts()
        self.store = Store(paths.state / "pacing.db")
        clock = Clock(_float(self.store.meta("latest")), offset=LabOffset(config.lab_clock))
        self.books = Books(config, self.store, clock, log)
        self.follower = self.parts.follower or Follower(lambda: self.books.lanes)
        keeper = self.parts.keeper or Keeper(paths.keeper)
        self.pacer = Pacer(self.books, self.parts.exchangers or _exchangers(config), self._spawn)
        self.release = Release(self.books, keeper, self.pacer.spend)
        self.reconciliation = Reconciliation(self.books, keeper, self.follower)
        self.pacer.commit_soon, self.pacer.wake = self._commit_soon, self.release.wake
        self.control = Control(self.books, self.release, self.reconciliation)
        self.clients: set[Client] = set()
        self._complain = Complaints(log)
        self._committing = False
        self._stop = asyncio.Event()

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self.parts.tasks.add(task)
        task.add_done_callback(self.parts.tasks.discard)
        return task

    def _commit_soon(self) -> None:
        """Group commit: what comes in while the disk is busy goes into the next transaction together."""
        if not self._committing:
            self._committing = True
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        self._committing = False
        self.store.commit()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; raises what ended a part that must not end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        await self._restored()
        async with self._listening():
            systemd.notify("READY=1")
            await self._life()
            systemd.notify("STOPPING=1")
        self.store.close()

    async def _restored(self) -> None:
        """Before the first question: what was lost is rebuilt, the day that ended is judged."""
        if rebuild.lost(self.books):
            systemd.notify("EXTEND_TIMEOUT_USEC=900000000\nSTATUS=rebuilding counters from the log")
            await rebuild.rebuild(self.books, self.follower)
            self.reconciliation.adopting = True
        self._booted()
        self.books.looked(self.parts.absent(it.ip for it in self.books.config.addresses))
        self.books.opened_or_same(self.books.now())
        self.books.begin_day()
        if not self.store.meta("cursor"):
            # The follower goes on from a moment when it does not find a line: so not even a crash right now loses one.
            self.store.set_meta(cursor=f"t={int(time.time() * 1e6):x}")
        self.store.commit()

    def _booted(self) -> None:
        """Note when the agent first ran since the host was booted."""
        boot = _BOOT.read_text(encoding="ascii").strip()
        if self.store.meta("boot") != boot:
            self.store.set_meta(boot=boot, booted=repr(time.time()))

    async def _life(self) -> None:
        results = Results(self.books, self.store.commit, rebuild.Latecomers(self.books))
        parts = [
            self._spawn(self._seconds()),
            self._spawn(self.release.run()),
            self._spawn(self.reconciliation.run()),
            self._spawn(self.follower.run(results.handle, self.store.meta("cursor"))),
            self._spawn(self._stop.wait()),
        ]
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for task in parts:
            task.cancel()
        for task in done:
            task.result()

    async def _seconds(self) -> None:
        """What is due each second; a database that only a new start can mend ends the agent."""
        while True:
            systemd.notify("WATCHDOG=1")
            self.second()
            if self.store.broken:
                raise sqlite3.DatabaseError(self.store.problem)
            await asyncio.sleep(1)

    def second(self) -> None:
        """Windows that open, reactions that end, counters that are flushed."""
        books = self.books
        try:
            if self.store.stale:
                books.load()
            now = books.now()
            books.opened_or_same(now)
            books.looked(self.parts.absent(it.ip for it in books.config.addresses))
            for lane in books.lanes.values():
                later = reactions.at(lane.reaction, now)
                if later != lane.reaction:
                    books.react(lane, later)
                    books.decided(lane.name, later.mode, "its time is over")
            books.told("lost", rebuild.still_told(books))
            books.told("journal", self.follower.trouble)
            self.store.commit()
        except sqlite3.Error as error:
            self.store.fail(error)

    def reload(self) -> None:
        """Take a new configuration, or say why not."""
        try:
            config = read(self.paths.config)
        except ConfigError as error:
            self.books.told("config", f"{self.paths.config} is refused, the old one stays: {error}")
            return
        if not self.store.commit():
            self._spawn(self._reload_later())
            return
        self.config = config
        try:
            self.books.reconfigure(config)
        except sqlite3.Error as error:
            self.store.fail(error)
        if not self.parts.exchangers:
            self.pacer.exchangers = _exchangers(config)
        self.pacer.configured()
        self.books.told("config", "")
        log(f"{self.paths.config}: read again, {len(config.lanes)} lanes")

    async def _reload_later(self) -> None:
        await asyncio.sleep(1)
        self.reload()

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        handed = systemd.handed_over("policy")
        listener = handed or _bound(self.paths.policy)
        servers: list[asyncio.Server] = [
            await loop.create_unix_server(
                lambda: Client(self.pacer, self._complain, self.clients), sock=listener, backlog=1024, **_KEPT
            ),
            await control.serve(self.paths.control, self.control),
        ]
        if self.config.metrics:
            try:
                page = lambda: metrics.text(self.books, self.reconciliation.unknown_held)  # noqa: E731
                servers.append(await metrics.serve(self.config.metrics, page))
            except OSError as error:
                self.books.told("metrics", f"metrics cannot be served: {error}")
        try:
            yield
        finally:
            for server in servers:
                server.close()
            self.store.commit()
            for client in list(self.clients):
                client.close()


def _bound(path: str) -> socket.socket:
    """A listening socket of our own, where no systemd hands one over."""
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)
    return listener


def _exchangers(config: Config) -> Exchangers:
    mixed = len({it.version for it in config.addresses}) > 1
    return Exchangers(config.providers, versions=mixed)


def _float(text: str) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
