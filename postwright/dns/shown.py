"""What the world sees of a key's record: the one TXT that every authoritative server shows.

Promise: unknown is not "none": a server that gives no answer is a problem and no answer; one that cannot be found is told in a
note, as an apply does. No cache is asked. Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from postwright.dns.canonical import txt_octets
from postwright.dns.kinds import delegation
from postwright.dns.nameservers import NameServer, NoAnswerError, ask, authoritative, lookup, one_per_address
from postwright.model import Fleet

_WORKERS = 16  # questions asked at once
_ENOUGH = 60  # characters of a record, to know it by


@dataclass(frozen=True)
class Shown:
    """``text``: of the record, its strings joined; None if there is none. ``problem``: why that cannot be said.

    ``notes``: on servers that were not asked.
    """

    text: str | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()


def shown(fleet: Fleet, names: Collection[str]) -> dict[str, Shown]:
    """Name → what all servers show of it, or of where receivers are led to from it."""
    led_to = delegation.homes(fleet)
    homes = {name: led_to.get(name, name) for name in names}
    zones = {zone.name: zone for home in homes.values() if (zone := fleet.zone_of(home))}
    addresses = lookup(fleet)
    with ThreadPoolExecutor(_WORKERS) as pool:
        servers = dict(
            zip(zones, pool.map(lambda zone: authoritative(fleet, zone, addresses), zones.values()), strict=True)
        )

        def look(home: str) -> Shown:
            zone = fleet.zone_of(home)
            return (
                _look(home, *servers[zone.name]) if zone else Shown(problem=f"{home} lies in no zone of the inventory")
            )

        return dict(zip(homes, pool.map(look, homes.values()), strict=True))


def _look(home: str, servers: tuple[NameServer, ...], notes: tuple[str, ...]) -> Shown:
    if not servers:
        return Shown(problem="; ".join(notes))
    each = [one for server in servers for one in one_per_address(server)]
    try:
        answers = {one.name: sorted(map(txt_octets, ask(one, home, "TXT"))) for one in each}
    except NoAnswerError as error:
        return Shown(problem=f"a name server gives no answer for {home}: {error}")
    first = next(iter(answers.values()))
    if problem := _problem(home, answers, first):
        return Shown(problem=problem)
    return Shown(first[0].decode() if first else None, notes=notes)


def _problem(home: str, answers: dict[str, list[bytes]], first: list[bytes]) -> str:
    if any(found != first for found in answers.values()):
        each_says = "; ".join(f"{server} shows {_listed(found)}" for server, found in answers.items())
        return f"name servers disagree on {home}: {each_says}"
    if len(first) > 1:
        return f"{home} has {len(first)} TXT records, where only one may be: {_listed(first)}"
    if first and not first[0].isascii():
        return f"{home} has a TXT record that is not ASCII: {_listed(first)}"
    return ""


def _listed(found: list[bytes]) -> str:
    return ", ".join(map(short, found)) or "none"


def short(text: bytes | str) -> str:
    """The beginning of a record's text, in quotes."""
    shown = text if isinstance(text, str) else text.decode(errors="replace")
    return repr(shown if len(shown) <= _ENOUGH else f"{shown[:_ENOUGH]}…")
