"""Zones at Cloudflare, read whole and written by record id in batches.

Promise: a listing is whole or an error. A write names the records it changes by id and says nothing of others, so a
stranger's comment, tags and TTL stay; each batch is all or nothing. There is no compare-and-set: the zone is compared with
what was read last, and between that look and the batch another machine may modify the very value that we modify; what it
wrote is then lost until its next plan puts it back. A record that it deletes or makes meanwhile is noticed. Within this
process writers take turns. The token is in no message and no repr.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from postwright import secret
from postwright.dns.canonical import same
from postwright.dns.plan import Change, RRset
from postwright.dns.providers import ZoneMoved, turns
from postwright.dns.providers.cloudflare import batches as cloudflare_batches
from postwright.dns.providers.cloudflare.api import Api
from postwright.dns.providers.cloudflare.budget import Budget
from postwright.dns.providers.cloudflare.explain import MAY_HAVE_LANDED
from postwright.dns.providers.cloudflare.listing import whole
from postwright.dns.providers.cloudflare.records import Held, Key, name_of, relevant, rrsets
from postwright.dns.providers.cloudflare.zones import ZoneIds
from postwright.errors import ProviderError, UsageError
from postwright.model import Cloudflare, Fleet

_TOKEN = re.compile(r"[!-~]+")  # else it would not fit into a header, and the error would show it
_LEAST_TTL = 30  # seconds, on Enterprise plans; 1 would mean automatic
_MOVED = "somebody else changed it since the plan; run the plan again"


@dataclass(frozen=True)
class _Look:
    """What was there at some keys, and how far the writes here had come before it was read."""

    keys: frozenset[Key]
    writes: int
    there: tuple[Held, ...]

    def by_key(self) -> dict[Key, list[Held]]:
        found: dict[Key, list[Held]] = {}
        for record in self.there:
            found.setdefault((record.name, record.type), []).append(record)
        return found


@dataclass(frozen=True)
class CloudflareProvider:
    """One API token. May be used by several threads, each on zones of its own."""

    name: str
    config: Cloudflare
    comment: str
    api: Api = field(repr=False)
    ids: ZoneIds = field(repr=False)
    _last: dict[str, _Look] = field(default_factory=dict, repr=False)
    compares: ClassVar[bool] = False

    @classmethod
    def open(cls, name: str, config: Cloudflare, fleet: Fleet, base_dir: Path) -> CloudflareProvider:
        """Read the token; UsageError names the provider when it is missing or cannot be one. Nothing is asked yet."""
        purpose = f"provider {name}: API token"
        token = secret.read(config.token, base_dir, purpose)
        if not _TOKEN.fullmatch(token):
            raise UsageError(f"{purpose}: {config.token} is no token; put there the one line the dashboard showed")
        api = Api.open(config, token)
        zones = {zone.name: zone.zone_id for zone in fleet.zones if zone.provider == name}
        given = {zone: zone_id for zone, zone_id in zones.items() if zone_id}
        ids = ZoneIds(api, given, frozenset(zones.keys() - given.keys()))
        return cls(name, config, cloudflare_batches.mark(fleet.deployment), api, ids)

    def read(self, zone: str, wanted: Iterable[tuple[str, str]]) -> tuple[RRset, ...]:
        """One call per 5,000 records of the zone, and one or more for its id, once."""
        keys = tuple(wanted)
        turn = self._turn(zone)
        look = self._last[zone] = self._look(zone, keys, turn.writes)
        return rrsets(zone, look.there, keys)

    @property
    def budget(self) -> Budget:
        """Of the token."""
        return self.api.budget

    def calls(self, read: Collection[str], written: Collection[str]) -> int:
        """One to read a zone, once its id is known; to write one, one to look again, one to write and one to read back."""
        return self.ids.calls((*read, *written)) + len(read) + 3 * len(written)

    def apply(self, zone: str, changes: Sequence[Change]) -> None:
        """As few batches as ``batch`` of the inventory allows. Reads again unless ``read`` just did."""
        self._refuse_short_ttl(zone, changes)
        keys = set(map(_key, changes))
        turn = self._turn(zone)
        with turn.lock:
            look = self._last.pop(zone, None)
            if look is None or look.writes != turn.writes or not keys <= look.keys:
                look = self._look(zone, keys, turn.writes)
            with turn.writing():
                self._write(zone, changes, look)

    def _write(self, zone: str, changes: Sequence[Change], look: _Look) -> None:
        place = self._place(zone)
        live = {(rrset.name, rrset.type): rrset for rrset in rrsets(zone, look.there, map(_key, changes))}
        leaving = {_key(change) for change in changes if not change.new}
        for change in changes:
            if (difference := _difference(change, live, leaving)) is not None:
                raise ZoneMoved(f"{place}: {change.name} {change.type} {difference}; {_MOVED}")
        there = look.by_key()
        operations = (cloudflare_batches.of(it, there.get(_key(it), ()), self.comment) for it in changes)
        done = 0
        for batch in cloudflare_batches.packed(operations, self.config.batch):
            try:
                answer = self.api.batch(place, self.ids.of(place, zone), batch)
                _insist(place, batch, answer["result"])
            except ProviderError as error:
                if not done:
                    raise
                raise type(error)(f"{error}; {done} records were changed before it") from None
            done += len(batch)

    def _look(self, zone: str, keys: Collection[Key], writes: int) -> _Look:
        place = self._place(zone)
        zone_id = self.ids.of(place, zone)
        listed = whole(place, partial(self.api.records, place, zone_id))
        self.ids.insist(place, zone, list(map(name_of, listed)))
        try:
            return _Look(frozenset(keys), writes, relevant(zone, listed, keys))
        except ValueError as error:
            hint = "see the record in the dashboard, and mend or delete it there"
            raise ProviderError(f"{place}: holds what cannot be understood: {error}; {hint}") from None

    def _refuse_short_ttl(self, zone: str, changes: Iterable[Change]) -> None:
        if any(change.new and change.ttl < _LEAST_TTL for change in changes):
            raise ProviderError(f"{self._place(zone)}: Cloudflare takes no such ttl; set 60 to 86400 s for the zone")

    def _turn(self, zone: str) -> turns.Turn:
        return turns.of(f"{self.config.api} {zone}")

    def _place(self, zone: str) -> str:
        return f"zone {zone} at Cloudflare (provider {self.name})"


def _key(change: Change) -> Key:
    return change.name, change.type


def _difference(change: Change, live: Mapping[Key, RRset], leaving: Collection[Key]) -> str | None:
    """What is not as the change supposes. ``leaving``: what the same changes take away."""
    rrset = live.get(_key(change), RRset(change.name, change.type, 0, ()))
    if not same(rrset.values, change.old, change.type) or (change.old and rrset.ttl != change.old_ttl):
        return "is not what the plan was made from"
    for rdtype in {"CNAME", "NS"} - {change.type}:
        if change.new and (change.name, rdtype) in live.keys() - leaving:
            return f"would stand beside or below a {rdtype} record"
    return rrset.locked or None


def _insist(place: str, batch: cloudflare_batches.Batch, result: Any) -> None:
    """That the answer tells of as much as was asked for."""
    for part, asked in batch.body.items():
        done = (result or {}).get(part)
        if not isinstance(done, list) or len(done) != len(asked):
            count = len(done) if isinstance(done, list) else "none"
            raise ProviderError(f"{place}: of {len(asked)} {part} the answer tells of {count}; {MAY_HAVE_LANDED}")
