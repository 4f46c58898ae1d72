"""Reads the zones of a fleet side by side and compares each with what is wanted there.

Promise: nothing is changed. A provider that is slow, or does not answer, holds up its own zones alone. A zone is read once in
a run: one that was just found as it should be is not read again, for nothing will be written to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from postwright.dns.diff import Key, Three, diff, wanted
from postwright.dns.nameservers import Lookup, NoAnswerError, at_top, lookup
from postwright.dns.plan import DnsPlan, ZonePlan
from postwright.dns.providers import Keeping, Provider
from postwright.dns.record import Record, zone_for
from postwright.dns.together import Lanes, all_of
from postwright.errors import ProviderError
from postwright.model import Fleet

_SIGNED = "whether zones are signed"  # a lane; no provider has a name with spaces
Records = tuple[Record, ...]


@dataclass(frozen=True)
class Survey:
    """``bases``: the ledger of each zone to be planned for; ``desired``: what is wanted in it.

    ``released``, ``adopt`` and ``consolidate``: see ``diff.Three``. ``looked`` is called with each zone that was read, from
    its thread.
    """

    fleet: Fleet
    bases: Mapping[str, Records]
    desired: Mapping[str, Sequence[Record]]
    released: Collection[Key]
    adopt: bool
    consolidate: bool
    looked: Callable[[str], None]

    def settled(self, known: DnsPlan) -> dict[str, ZonePlan]:
        """The plans that hold still, of those made before in this run."""
        return {
            it.zone: it
            for it in known.zones
            if it.zone in self.bases and holds_still(it, self.bases[it.zone], self.desired[it.zone])
        }

    def plans(self, providers: Mapping[str, Provider]) -> list[ZonePlan]:
        """The plan of each zone there is a provider for. Raises ProviderError or UsageError with the problems of all."""
        homes = {zone.name: zone.provider for zone in self.fleet.zones}
        addresses = lookup(self.fleet)
        with ExitStack() as kept, Lanes() as lanes:
            for keeping in {id(it): it for it in providers.values() if isinstance(it, Keeping)}.values():
                kept.enter_context(keeping.kept())
            signed = {
                zone: lanes.submit(_SIGNED, partial(_is_signed, self.fleet, zone, addresses))
                for zone in providers
                if any(record.type == "TLSA" for record in self.desired[zone])
            }
            looks = [
                lanes.submit(homes[zone], partial(self._look, zone, provider, signed.get(zone)))
                for zone, provider in providers.items()
            ]
            return all_of(looks)

    def _look(self, zone: str, provider: Provider, signed: Future[bool] | None) -> ZonePlan:
        """Senders believe TLSA only where DNSSEC proves it (RFC 7672 §2.1), so elsewhere none is wanted.

        What stands at its names is read before that is known, so that nothing waits for two answers in turn.
        """
        base, desired = self.bases[zone], tuple(self.desired[zone])
        live = provider.read(zone, wanted(base, desired))
        ours = desired if signed is None or signed.result() else without_tlsa(desired)
        self.looked(zone)
        return diff(zone, Three(base, live, ours, self.released, self.adopt, self.consolidate))


def holds_still(plan: ZonePlan, base: Records, desired: Sequence[Record]) -> bool:
    """Whether a plan that was made before in this run needs no second look at its zone.

    It had nothing to do there, and neither the ledger nor what is wanted has changed since. Whether the zone is signed is
    part of that first look: the names of TLSA follow from the inventory, so a plan without them is of a zone that is not.
    """
    wants = (tuple(desired), without_tlsa(desired))
    return plan.is_empty and not plan.dangers and plan.base == base and plan.desired in wants


def without_tlsa(records: Sequence[Record]) -> Records:
    """As they are wanted in a zone that is not signed."""
    return tuple(record for record in records if record.type != "TLSA")


def _is_signed(fleet: Fleet, zone: str, addresses: Lookup) -> bool:
    try:
        return bool(at_top(fleet, zone_for(fleet, zone), "DNSKEY", addresses))
    except NoAnswerError as error:
        hint = 'set "tlsa": False in mail_fleet, or mend the way to its servers'
        raise ProviderError(f"zone {zone}: whether it is signed is unknown: {error}; {hint}") from None
