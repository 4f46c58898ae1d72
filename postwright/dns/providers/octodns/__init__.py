"""A zone behind a provider class of octoDNS, fenced: octoDNS is made for zones it owns whole, this one has other authors.

Promise: no zone is ever created, and no RRset changed that was not asked for: the desired zone is a full copy of what is
there, and a plan of octoDNS that holds more than our changes is not applied. What octoDNS would not write back as it is comes
``locked`` (``octodns_records``, ``octodns_proof``). octoDNS has no compare-and-set: the zone is read again with a fresh
plugin right before it is written, and a change that comes within that moment is lost; the docs say so. Thresholds of octoDNS
hold; they are options of every plugin (``update_pcent_threshold``, ``delete_pcent_threshold``).
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

from postwright.dns.plan import Change, RRset
from postwright.dns.providers import OutcomeUnknown, ZoneMoved
from postwright.dns.providers.octodns.plugins import Plugin, load
from postwright.dns.providers.octodns.proof import Proof
from postwright.dns.providers.octodns.records import Held, edit, key_of, rrset_of
from postwright.dns.providers.reading import first_moved, is_old, keyed
from postwright.errors import ProviderError
from postwright.model import Fleet, Octodns

_NOTHING = "nothing was written; mend that, and run the plan again"
_SHARED = frozenset({"TXT", "MX", "CAA"})  # where others' values stand beside ours


@dataclass(frozen=True)
class OctodnsProvider:
    """A plugin, and who can tell whether it shows a zone as it is. ``turn``: octoDNS itself writes one zone at a time."""

    plugin: Plugin
    proof: Proof
    turn: Lock = field(default_factory=Lock, repr=False, compare=False)
    compares: ClassVar[bool] = False

    @classmethod
    def open(cls, name: str, config: Octodns, base_dir: Path, fleet: Fleet) -> OctodnsProvider:
        """Load the plugin; UsageError when it is refused, not installed, or its options or secrets do not fit.

        ``fleet`` knows the zones' servers: they tell of strings that octoDNS joined.
        """
        return cls(load(name, config, base_dir), Proof(fleet))

    def read(self, zone: str, wanted: Iterable[tuple[str, str]]) -> tuple[RRset, ...]:
        """The whole zone is fetched, whatever is wanted of it; one query per TXT RRset that others may share."""
        held = self._populate(zone, self.plugin.fresh())
        found: dict[tuple[str, str], RRset] = {}
        for name, rdtype in wanted:
            found |= {(rrset.name, rrset.type): rrset for rrset in held.at(name, rdtype)}
            if not self.plugin.supports(rdtype) and (name, "NS") not in found:
                reason = (
                    f"{self.plugin.path} cannot publish records of type {rdtype}; use another provider for the zone"
                )
                found[name, rdtype] = RRset(name, rdtype, 0, (), locked=reason)
        return tuple(self.proof.of(zone, found.values()))

    def apply(self, zone: str, changes: Sequence[Change]) -> None:
        """One plan of octoDNS with all changes; how many calls that is, and whether they are all or nothing, the plugin decides."""
        self._refuse_gaps(zone, changes)
        with self.turn:
            plugin = self.plugin.fresh()
            plan = self._plan(zone, plugin, changes)
            hint = "part of it may have been done: run the plan again to see"
            try:
                self._call(zone, hint, plugin.apply, plan)
            except ProviderError as error:
                raise OutcomeUnknown(str(error)) from None

    def _plan(self, zone: str, plugin: Any, changes: Sequence[Change]) -> Any:
        """octoDNS's plan for our changes, made from the zone as it is now and found to hold nothing else."""
        held = self._populate(zone, plugin)
        live = keyed(it for change in changes for it in held.at(change.name, change.type))
        if change := first_moved(live, changes):
            raise _zone_moved(zone, f"{change.name} {change.type}")
        desired = held.zone.copy()
        for change in changes:
            edit(desired, held, change)
        plan = self._call(zone, _NOTHING, plugin.plan, desired)
        self._insist(zone, plan, changes, held)
        return plan

    def _populate(self, zone: str, plugin: Any) -> Held:
        """The zone as it is. Strangers' records that octoDNS finds unusual are no error; a zone that is not there is."""
        from octodns.zone import Zone  # noqa: PLC0415 - an optional extra

        there = Zone(f"{zone}.", [])
        if not self._call(zone, _NOTHING, plugin.populate, there, target=True, lenient=True):
            hint = "create it there, or mend its name in the inventory; it is never created from here"
            raise self._error(zone, f"the provider has no such zone; {hint}")
        return Held(zone, there)

    def _call(self, zone: str, hint: str, function: Any, *arguments: Any, **options: Any) -> Any:
        """Call the plugin; whatever it raises becomes a ProviderError without our secrets."""
        from octodns.record.rr import RdataParseError  # noqa: PLC0415 - an optional extra

        try:
            return function(*arguments, **options)
        except (RdataParseError, UnicodeDecodeError) as error:
            why = f"because of {_culprit(error)}: octoDNS reads no TXT that is not UTF-8, nor a zone that has one"
            advice = "change that value, or publish the zone with a provider of another kind"
            raise self._error(zone, f"the zone cannot be managed through octoDNS {why}; {advice}") from None
        except Exception as error:  # noqa: BLE001 - a plugin may raise anything
            raise self._error(zone, f"{self.plugin.told(error)}; {hint}") from None

    def _insist(self, zone: str, plan: Any, changes: Sequence[Change], held: Held) -> None:
        """The plan of octoDNS must hold our changes, no other, and not too many."""
        if plan is None or not plan.exists:
            what = "octoDNS finds nothing to do" if plan is None else "the zone is gone since it was read"
            raise self._error(zone, f"{what}; nothing was written, run the plan again")
        ours = {(change.name, change.type): change for change in changes}
        theirs = {key_of(it.record): it.existing for it in plan.changes}
        for key in theirs.keys() & ours.keys():  # of octoDNS's own reading, the last one before it writes
            if not is_old(rrset_of(theirs[key], key[0]) if theirs[key] else None, ours[key]):
                raise _zone_moved(zone, " ".join(key))
        more = ", ".join(sorted(" ".join(key) for key in theirs.keys() - ours.keys()))
        again = self.plugin.fresh()
        if more and self._populate(zone, again).zone.changes(held.zone, again):
            raise _zone_moved(zone, more)  # octoDNS read the zone once more, and would take back what came in between
        if more or plan.meta:
            hint = "nothing was written; use another provider for the zone"
            raise self._error(zone, f"the plugin would also change {more or 'settings of the zone'}; {hint}")
        hint = "nothing was written; change less at once, or raise that threshold in the provider's options"
        self._call(zone, hint, plan.raise_if_unsafe)

    def _refuse_gaps(self, zone: str, changes: Sequence[Change]) -> None:
        """Where an update is a deletion first, what others have in the RRset must not go through it unasked."""
        shared = [it for it in changes if it.type in _SHARED and "_" not in it.name and it.old and it.new]
        if self.plugin.delete_first and shared:
            names = ", ".join(f"{change.name} {change.type}" for change in shared)
            why = "is deleted and made anew by this plugin: gone in between, and for good if its second call fails"
            hint = "nothing was written; change it by hand, or set whole_zone in the provider to take that risk"
            raise self._error(zone, f"{names} {why}; {hint}")

    def _error(self, zone: str, text: str) -> ProviderError:
        return ProviderError(f"zone {zone} at {self.plugin.path} (provider {self.plugin.name}): {text}")


def _zone_moved(zone: str, what: str) -> ZoneMoved:
    return ZoneMoved(f"zone {zone}: {what}: is not what the plan was made from; run the plan again")


def _culprit(error: Exception) -> str:
    """The name octoDNS was at when it gave up; its error does not say it, only the innermost call with an RRset knows."""
    rrsets = [frame.f_locals.get("rrset") for frame, _ in traceback.walk_tb(error.__traceback__)]
    names = [name for rrset in rrsets if isinstance(name := getattr(rrset, "name", None), str)]
    return f"the TXT RRset at {names[-1].rstrip('.')}" if names else "one of its values"
