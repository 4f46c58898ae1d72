"""The ids of zones: given by the inventory, or found by name, in as few calls as that takes.

Promise: a zone is asked for once per process. It is never created: one that is not found is an error, and so are two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

from postwright.dns.providers.cloudflare.api import ZONES_PAGE, Api
from postwright.dns.providers.cloudflare.listing import shape, whole
from postwright.errors import ProviderError

Json = dict[str, Any]


@dataclass
class ZoneIds:
    """``given``: zone → id, as the inventory has it. ``names``: the other zones that will be asked for."""

    api: Api
    given: Mapping[str, str]
    names: frozenset[str]
    _listed: bool = False

    def of(self, place: str, zone: str) -> str:
        """ProviderError when the token does not see the zone."""
        if zone in self.given:
            return self.given[zone]
        found = self.api.zone_ids
        with self.api.finding:  # the first thread asks for all
            missing = self.names - found.keys()
            if zone in missing and len(missing) > 1 and not self._listed:
                self._list(place, missing)
            if zone not in found:
                self._learn(place, whole(place, partial(self.api.zones, place, name=zone)), {zone})
        if zone not in found:
            hint = "zones are never created: add it in the dashboard, or let the token have Zone / Zone / Read for it, or set zone_id"
            raise ProviderError(f"{place}: is not among the zones this API token sees; {hint}")
        return found[zone]

    def calls(self, zones: Iterable[str]) -> int:
        """How many it takes at least to find the ids of these that are not known yet."""
        return ceil(len(set(zones) - self.given.keys() - self.api.zone_ids.keys()) / ZONES_PAGE)

    def insist(self, place: str, zone: str, names: Sequence[str]) -> None:
        """That an id given for a zone is its own: copied from another zone, that one would be written to.

        ``names``: of the records it holds. Where there are none the zone itself is asked for, if the token may.
        """
        if zone not in self.given:
            return
        if not names:
            try:
                names = [str(self.api.zone(place, self.given[zone])["result"]["name"])]
            except ProviderError:
                return
        for name in names:
            if not f".{name}".endswith(f".{zone}"):
                hint = "compare it with the one on the zone's overview page"
                raise ProviderError(f"{place}: zone_id is that of another zone, which holds {name}; {hint}")

    def _list(self, place: str, missing: Collection[str]) -> None:
        """All zones by page, if that is fewer calls than one for each that is missing."""
        self._listed = True
        first = self.api.zones(place, 1)
        if shape(place, first)[1] <= len(missing):
            listed = whole(place, lambda page: first if page == 1 else self.api.zones(place, page))
            self._learn(place, listed, missing)

    def _learn(self, place: str, zones: Iterable[Json], missing: Collection[str]) -> None:
        """Of two zones of one name, in two accounts perhaps, nobody but the operator knows which."""
        found: dict[str, str] = {}
        for entry in zones:
            name = str(entry["name"]).lower()
            if name in missing and name in found:
                hint = "set zone_id in the inventory, as the zone's overview page shows it"
                raise ProviderError(f"{place}: the token sees more than one zone {name}; {hint}")
            found[name] = str(entry["id"])
        self.api.zone_ids.update({name: found[name] for name in found.keys() & missing})
