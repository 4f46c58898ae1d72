"""Waits until a host that takes no mail in has sent what it has, and says what remains and why.

Nothing is released for it: what pacing holds leaves when its budget comes, and what a person holds when that person says.
A connection that fails meanwhile ends nothing: the host is drained by then, and is asked again for as long as we wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from postwright.errors import PostwrightError
from postwright.hosts import runner
from postwright.inventory import Project

_FIRST, _LONGEST, _GROWTH = 2.0, 15.0, 1.5  # seconds between two questions, each of which is a login


@dataclass(frozen=True)
class Queue:
    """The mail on a host.

    ``moving``: is being sent, or is about to be. ``deferred``: is tried again later. ``paced``, ``held``: on hold, by the
    pacing agent and by a person. ``unknown``: why the host could not be asked; the numbers are 0 then, and say nothing.
    """

    host: str
    moving: int
    deferred: int
    paced: int
    held: int
    unknown: str = ""

    @property
    def empty(self) -> bool:
        return not (self.unknown or self.moving or self.deferred or self.paced or self.held)

    def __str__(self) -> str:
        if self.unknown:
            again = f"it is drained; ask again with `postwright apply --drain {self.host}`"
            return f"host {self.host}: what is in its queue is unknown: {self.unknown}; {again}"
        if self.empty:
            return f"host {self.host}: its queue is empty"
        said = {
            "on its way": self.moving,
            "deferred, tried again later": self.deferred,
            "held by pacing until their budget comes": self.paced,
            "held by a person until `postsuper -r`": self.held,
        }
        return f"host {self.host}: in its queue are " + "; ".join(f"{n} {what}" for what, n in said.items() if n)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "empty": self.empty}


def queue(project: Project, host: str, *, flush: bool) -> Queue:
    """What is on a host now; ``flush``: Postfix tries all of it first. DeployError if it cannot be asked."""
    paced = _paced(project, host) if project.fleet.paces(project.fleet.host(host)) else 0
    found = runner.run_script(project, "drain", {host: {"flush": flush}})[host]["queues"]
    on_hold, deferred = found.pop("hold", 0), found.pop("deferred", 0)
    return Queue(host, sum(found.values()), deferred, min(paced, on_hold), max(on_hold - paced, 0))


def _paced(project: Project, host: str) -> int:
    """How many messages the host's agent has on hold; 0 if it does not say, for then nobody knows whose they are."""
    answer = runner.run_script(project, "pacing", {host: {"requests": [{"do": "status"}]}})[host]
    if answer["failed"] or not answer["answers"]:
        return 0
    return sum(lane["held"] for lane in answer["answers"][0]["lanes"])


def emptied(project: Project, host: str, seconds: float, phase: Callable[[str], None]) -> Queue:
    """Try all mail of a host once, then wait until none is left, or for so long; what is there at the end."""
    phase(f"waiting until {host} has sent what it has")
    deadline = time.monotonic() + seconds
    pause, found = pauses(), _asked(project, host, flush=True)
    flushed = not found.unknown
    while not found.empty and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(next(pause), left))
        before, found = found, _asked(project, host, flush=not flushed)
        flushed = flushed or not found.unknown
        if str(found) != str(before):
            phase(str(found))
    return found


def pauses() -> Iterator[float]:
    """The seconds between questions, without end: short for a queue that is empty soon, longer for hours of waiting."""
    pause = _FIRST
    while True:
        yield pause
        pause = min(pause * _GROWTH, _LONGEST)


def _asked(project: Project, host: str, *, flush: bool) -> Queue:
    """The same as ``queue``; a host that cannot be asked now has an unknown one."""
    try:
        return queue(project, host, flush=flush)
    except PostwrightError as error:
        # Said by who connects, and not of what landed before: the host has been changed.
        why = str(error).removesuffix("no host was changed").strip()
        return Queue(host, 0, 0, 0, 0, why.removeprefix(f"host {host}: "))
