"""Runs checks side by side: pytest prepares each in turn, and its function is called in a thread.

Promises: what a host answers slowly, or not at all, is waited for by its own checks only; no more checks of a host run at a
time than its connection serves. Checks marked ``guesses``, which try a wrong password, begin when those of their host
marked ``logs_in`` have ended: Dovecot makes the address of one who guesses wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial

import pytest

from postwright.model import Host

FIRST = pytest.StashKey[Callable[[], None]]()  # what is to be called before a check, and may skip it
AT_ONCE = 8  # checks of a host
_THREADS = 256  # of all hosts
MARKERS = ("logs_in", "guesses", "slow")


@dataclass(frozen=True)
class Ended:
    """How a check ended: its error, if any, and after how many seconds."""

    error: BaseException | None
    seconds: float


@dataclass
class SideBySide:
    """Calls checks in threads; ``told`` hears of each as soon as it has ended, from that thread. ``hosts``: how many there are."""

    told: Callable[[pytest.Function, Ended], None]
    hosts: int
    pools: dict[str, ThreadPoolExecutor] = field(default_factory=dict)
    begun: list[Future[None]] = field(default_factory=list)
    logins: dict[str, list[Future[None]]] = field(default_factory=dict)  # place → those that log in there

    def begin(self, item: pytest.Function) -> None:
        """Have a check called soon. It must have been prepared, and those ``in_turn`` before it begun."""
        given = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}  # noqa: SLF001 - as pytest calls it
        place = place_of(item.callspec.params if hasattr(item, "callspec") else {})
        call = partial(self._run, item, item.stash[FIRST], given)
        if item.get_closest_marker("guesses"):
            call = partial(_after, self.logins.get(place, []), call)
        self.begun.append(self._pool(place).submit(call))
        if item.get_closest_marker("logs_in"):
            self.logins.setdefault(place, []).append(self.begun[-1])

    def _pool(self, place: str) -> ThreadPoolExecutor:
        if place not in self.pools:
            self.pools[place] = ThreadPoolExecutor(max(1, min(AT_ONCE, _THREADS // max(1, self.hosts))))
        return self.pools[place]

    def _run(self, item: pytest.Function, first: Callable[[], None], given: Mapping[str, object]) -> None:
        began, error = time.perf_counter(), None
        try:
            first()
            item.obj(**given)
        except (Exception, pytest.skip.Exception, pytest.fail.Exception) as raised:  # noqa: BLE001 - it is the result
            error = raised
        self.told(item, Ended(error, time.perf_counter() - began))

    def end(self) -> None:
        """Wait for all."""
        for future in self.begun:
            future.result()  # an error here is a bug of ours


def _after(others: Sequence[Future[None]], call: Callable[[], None]) -> None:
    """Those have begun already, and so never wait for this one."""
    wait(others)
    call()


def in_turn(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Checks in the order to begin them: those that log in, those that wait for them, those that take long, and the others."""
    return sorted(
        items, key=lambda item: next((turn for turn, it in enumerate(MARKERS) if item.get_closest_marker(it)), 9)
    )


def place_of(parameters: Mapping[str, object]) -> str:
    """The host a check is about; empty if it is about none, or many."""
    for value in parameters.values():
        host = value[0] if isinstance(value, tuple) and value else value
        if isinstance(host, Host):
            return host.name
    return ""
