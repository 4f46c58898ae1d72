"""Wait until every authoritative server shows the records, on each of its addresses that can be reached from here.

Promise: three states, for unknown is not OK: a server that does not answer makes no record "missing". Only authoritative
servers are asked, so nobody's negative cache is filled by asking early; caches may still hold an old answer for the old
TTL of a change, or the zone's SOA minimum, after this returns. Nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from postwright.dns.nameservers import NameServer, NoAnswerError, ask, authoritative, lookup, one_per_address
from postwright.dns.records import Record, sort_key, zone_for
from postwright.dns.seen import holds
from postwright.model import Fleet

State = Literal["ok", "missing", "unknown"]
_WORKERS = 16  # servers asked at once
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds between two rounds


@dataclass(frozen=True)
class Sighting:
    """What one server said of one RRset. ``detail`` is empty for ok."""

    zone: str
    server: str
    name: str
    type: str
    state: State
    detail: str = ""


@dataclass(frozen=True)
class Seen:
    """The last answer of every server, and what the operator should know of the servers themselves."""

    sightings: tuple[Sighting, ...]
    notes: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """``ok`` only if all are; a record that is missing for certain outweighs one that is unknown."""
        states = {sighting.state for sighting in self.sightings}
        return "missing" if "missing" in states else "unknown" if "unknown" in states else "ok"

    @property
    def problems(self) -> tuple[str, ...]:
        """A line for each RRset that is not ok."""
        bad = (sighting for sighting in self.sightings if sighting.state != "ok")
        return tuple(f"{it.name} {it.type} at {it.server}: {it.state} ({it.detail})" for it in bad)


@dataclass(frozen=True)
class _Watch:
    zone: str
    server: NameServer
    records: tuple[Record, ...]


def wait_until_seen(
    fleet: Fleet, records: Sequence[Record], timeout: float, progress: Callable[[str], None] = lambda _: None
) -> Seen:
    """Ask all servers of the records' zones, again and again, until all show them or ``timeout`` seconds are over.

    Each server is asked at least once, so 0 means "look now". Values count, TTLs do not. Raises nothing for a server that
    fails: that is what the result says.
    """
    watches, notes = _watches(fleet, records)
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    done: list[Sighting] = []
    with ThreadPoolExecutor(_WORKERS) as pool:
        while True:
            rounds = list(pool.map(_look, watches))
            waiting = [not all(sighting.state == "ok" for sighting in sightings) for sightings in rounds]
            over = not any(waiting) or time.monotonic() + pause > deadline
            done += [
                it for sightings, wait in zip(rounds, waiting, strict=True) if over or not wait for it in sightings
            ]
            if over:
                return Seen(tuple(done), notes)
            watches = [watch for watch, wait in zip(watches, waiting, strict=True) if wait]
            progress(f"waiting for {', '.join(sorted({watch.server.name for watch in watches}))}")
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _watches(fleet: Fleet, records: Sequence[Record]) -> tuple[list[_Watch], tuple[str, ...]]:
    by_zone: dict[str, list[Record]] = {}
    for record in sorted(records, key=sort_key):
        by_zone.setdefault(zone_for(fleet, record.name).name, []).append(record)
    zones = [zone for zone in fleet.zones if zone.name in by_zone]
    addresses = lookup(fleet)
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(lambda zone: authoritative(fleet, zone, addresses), zones))
    watches = [
        _Watch(zone.name, one, tuple(by_zone[zone.name]))
        for zone, (servers, _) in zip(zones, found, strict=True)
        for server in servers
        for one in one_per_address(server)
    ]
    return watches, tuple(note for _, notes in found for note in notes)


def _look(watch: _Watch) -> list[Sighting]:
    return list(_sightings(watch))


def _sightings(watch: _Watch) -> Iterator[Sighting]:
    """A server that failed once is not asked for the rest of the round, or a dead one would cost a timeout per record."""
    failure = ""
    for (name, rdtype), records in groupby(watch.records, key=lambda record: (record.name, record.type)):
        if not failure:
            try:
                values = ask(watch.server, name, rdtype)
            except NoAnswerError as error:
                failure = str(error)
        if failure:
            yield Sighting(watch.zone, watch.server.name, name, rdtype, "unknown", f"no answer: {failure}")
        elif all(holds(values, record) for record in records):
            yield Sighting(watch.zone, watch.server.name, name, rdtype, "ok")
        else:
            there = "; ".join(values) or "nothing"
            yield Sighting(watch.zone, watch.server.name, name, rdtype, "missing", f"it answers {there}")
