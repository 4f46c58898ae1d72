"""Asks every host whether its queue holds mail signed with a key. Promise: unknown is not "none"; nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from postwright.hosts import runner
from postwright.inventory import Project


@dataclass(frozen=True)
class Queued:
    """Mail of one host's queue signed with one key. ``oldest``: seconds since the epoch; ``held`` of ``count`` are on hold.

    ``ids``: some of them. ``more``: whether there is so much mail that not all of it was looked at.
    """

    host: str
    domain: str
    selector: str
    count: int
    held: int
    oldest: int
    ids: tuple[str, ...]
    more: bool = False

    def __str__(self) -> str:
        kept = f", {self.held} of them on hold, where mail does not expire" if self.held else ""
        number = f"at least {self.count}" if self.more else str(self.count)
        return f"{self.host}: {number} in the queue signed with {self.selector} of {self.domain}{kept}"


def queued(project: Project, keys: Mapping[tuple[str, str], datetime | None]) -> tuple[Queued, ...]:
    """What all queues hold that was signed with one of these (domain, selector). DeployError if a host cannot be asked.

    Each comes with the moment after which no host signed with it any more, so that later mail need not be read; or None.
    """
    if not keys:
        return ()
    request = {"keys": [[*key, moment and int(moment.timestamp())] for key, moment in sorted(keys.items())]}
    answers = runner.run_script(project, "queue", {host.name: request for host in project.fleet.hosts})
    return tuple(
        Queued(host, it["domain"], it["selector"], it["count"], it["held"], it["oldest"], tuple(it["ids"]), it["more"])
        for host, answer in answers.items()
        for it in answer["found"]
    )
