"""A zone no API reaches: its servers are asked, and what is to be changed is written to a file, for a person to paste.

Promise: every server of the zone is asked, and a zone they do not agree on is not planned for: half of a change may still be
on its way. Nothing is ever claimed to be written; ``apply`` always ends in PasteNeeded. An instruction is removed by the next
reading after the zone has changed at one of its record sets, be it that it was followed or that somebody else came first: a
stale one, pasted, would undo their work. One that nobody followed stays until then, or until the next apply replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

from dns.message import Message

from postwright.dns.canonical import same
from postwright.dns.nameservers import NameServer, NoAnswerError, answer, authoritative
from postwright.dns.plan import Change, RRset
from postwright.dns.providers import PasteNeeded, ZoneMoved
from postwright.dns.providers.reading import disagreements, first_moved, keyed
from postwright.dns.providers.view import Key, NotServedError, View
from postwright.dns.zonefile import due, instructions
from postwright.errors import ProviderError, UsageError
from postwright.files import content, located, write_atomically
from postwright.model import Fleet, Zonefile

_SHOWN = 5  # record sets in one message


@dataclass(frozen=True)
class ZonefileProvider:
    """The directory of the instructions, and the fleet, which knows the zones' servers."""

    directory: Path
    fleet: Fleet
    compares: ClassVar[bool] = False

    @classmethod
    def open(cls, config: Zonefile, fleet: Fleet, base_dir: Path) -> ZonefileProvider:
        """Nothing is read yet; the directory is made when there is something to write."""
        return cls(located(base_dir, config.directory), fleet)

    def read(self, zone: str, wanted: Iterable[Key]) -> tuple[RRset, ...]:
        """Of each server: each wanted RRset and one more question per name; a few more where a wildcard or a child zone is."""
        asked, instruction = tuple(wanted), self._instruction(zone)
        keys = dict.fromkeys((*asked, *((rrset.name, rrset.type) for rrset in instruction)))
        views = self._views(zone)
        found = self._agreed(zone, views, tuple(keys))
        self._drop_stale(zone, instruction, found)
        names = {name for name, _ in asked}
        return tuple(
            it for key, it in found.items() if key in asked or (it.name in names and it.type in ("CNAME", "NS"))
        )

    def apply(self, zone: str, changes: Sequence[Change]) -> None:
        """Write the instruction, in place of an earlier one, and raise PasteNeeded, which names it; ZoneMoved where it would be wrong."""
        live = keyed(self.read(zone, [(change.name, change.type) for change in changes]))
        if change := first_moved(live, changes):
            hint = "somebody else changed it since the plan; run the plan again"
            raise ZoneMoved(f"zone {zone}: {change.name} {change.type}: is not what the plan was made from; {hint}")
        path = self._path(zone)
        when = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
        write_atomically(path, instructions(zone, changes, when).encode())
        names = ", ".join(f"{change.name} {change.type}" for change in changes[:_SHOWN])
        more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
        hint = "do what it says in the zone's editor, then run this command again; nothing was changed so far"
        raise PasteNeeded(f"zone {zone}: to be changed by hand: {names}{more}; {path} has the lines: {hint}")

    def _path(self, zone: str) -> Path:
        return self.directory / f"{zone}.txt"

    def _instruction(self, zone: str) -> tuple[RRset, ...]:
        path = self._path(zone)
        return due(content(path).decode(errors="replace")) if path.exists() else ()

    def _drop_stale(self, zone: str, instruction: Sequence[RRset], found: dict[Key, RRset]) -> None:
        if all(_is(found.get((rrset.name, rrset.type)), rrset) for rrset in instruction):
            return
        path = self._path(zone)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"cannot delete {path}: {error.strerror}; the zone has changed since, delete it") from None

    def _views(self, zone: str) -> dict[str, View]:
        """Each server of the zone; ProviderError where one cannot be asked."""
        servers, notes = next(authoritative(self.fleet, it) for it in self.fleet.zones if it.name == zone)
        if notes or not servers:
            hint = "name those that can be asked in the zone's servers"
            raise ProviderError(f"zone {zone}: {'; '.join(notes) or 'no server is known'}; {hint}")
        return {server.name: View(zone, partial(_ask, zone, server)) for server in servers}

    def _agreed(self, zone: str, views: dict[str, View], keys: Sequence[Key]) -> dict[Key, RRset]:
        """What all servers answer; ProviderError names who says what where they do not agree."""
        read = {name: _read(zone, name, view, keys) for name, view in views.items()}
        answered = {name: keyed((*sure, *doubtful)) for name, (sure, doubtful) in read.items()}
        if problems := list(disagreements(answered)):
            more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
            hint = (
                "a change is on its way, or one of them is not brought up to date: wait, or mend that, and plan again"
            )
            raise ProviderError(f"zone {zone}: its servers do not agree: {'; '.join(problems[:_SHOWN])}{more}; {hint}")
        first = next(iter(views))
        sure, doubtful = read[first]
        return keyed((*sure, *(rrset for rrset in doubtful if not views[first].looks_made_up(rrset))))


def _read(zone: str, server: str, view: View, keys: Sequence[Key]) -> tuple[tuple[RRset, ...], tuple[RRset, ...]]:
    try:
        return view.read(keys)
    except NotServedError:
        hint = "mend the zone's name or its servers in the inventory"
        raise ProviderError(f"zone {zone}: {server} does not serve the zone; {hint}") from None


def _ask(zone: str, server: NameServer, keys: Sequence[Key]) -> dict[Key, Message]:
    return {key: _answer(zone, server, *key) for key in keys}


def _answer(zone: str, server: NameServer, name: str, rdtype: str) -> Message:
    try:
        return answer(server, name, rdtype)
    except NoAnswerError as error:
        hint = "half an answer would make a wrong plan: run it again when it answers"
        raise ProviderError(
            f"zone {zone}: {server.name} cannot be asked for {name} {rdtype} ({error}); {hint}"
        ) from None


def _is(live: RRset | None, old: RRset) -> bool:
    """Whether the record set still is what the instruction begins with."""
    if live is None:
        return not old.values
    return same(live.values, old.values, old.type) and live.ttl == old.ttl
