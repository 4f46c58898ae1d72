"""The service the commands call: plan DNS, then apply the plan's two steps, or undo an applied plan.

Promise: planning changes nothing, neither in DNS nor in the ledger. How a step is carried out is in ``writing``. Nothing is
written to a zone that the plan does not name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType

from postwright.dns import ledger, undo
from postwright.dns.plan import DnsPlan, ZonePlan
from postwright.dns.providers import Provider, provider_of
from postwright.dns.rationing import announce
from postwright.dns.records import Record, desired, released, zone_for
from postwright.dns.spf.review import review
from postwright.dns.survey import Records, Survey
from postwright.dns.together import Lanes, all_of
from postwright.dns.waves import leaders
from postwright.dns.writing import Step, write
from postwright.errors import UnsafePlan, UsageError
from postwright.keys.public import PublicKey
from postwright.model import Fleet

_NOTHING = DnsPlan(())
Told = Callable[[str], None]
_Calls = tuple[Told, Told]  # of each zone that was written; of what to expect where a rate limit makes it long


def _nobody(_: str) -> None:
    """Hears it."""


def plan(
    fleet: Fleet,
    keys: Sequence[PublicKey],
    base_dir: Path,
    ledger_dir: Path,
    *,
    tlsa: Mapping[str, str] = MappingProxyType({}),
    adopt: bool = False,
    consolidate: bool = False,
    known: DnsPlan = _NOTHING,
    looked: Told = _nobody,
    told: Told = _nobody,
) -> DnsPlan:
    """Read every zone of the fleet and compare; nothing is changed.

    ``base_dir``: the inventory's folder, for its relative secrets. ``tlsa``: as ``records.desired`` takes it; used in zones
    that are signed. ``adopt``: values of others in RRsets that should be ours become replacements instead of conflicts.
    ``consolidate``: several SPF records of a name are joined instead of being a conflict. ``known``: a plan made before in
    this run, on the same terms; where it ``survey.holds_still`` the zone is not read again. ``looked`` is called with each
    zone that was read, from its thread; ``told`` with what to expect where a rate limit makes it long.
    Raises ProviderError or UsageError with the problems of all zones.
    """
    names = [zone.name for zone in fleet.zones]
    wants: dict[str, list[Record]] = {zone: [] for zone in names}
    for record in desired(fleet, keys, tlsa):
        wants[zone_for(fleet, record.name).name].append(record)
    bases = _ledgers(ledger_dir, names)
    survey = Survey(fleet, bases, wants, released(fleet), adopt, consolidate, looked)
    found = survey.settled(known)
    providers = _providers(fleet, base_dir, [zone for zone in names if zone not in found])
    announce(providers, tuple(providers), (), told)
    found |= {it.zone: it for it in survey.plans(providers)}
    return _reviewed(fleet, ledger_dir, bases, [found[zone] for zone in names])


def _ledgers(ledger_dir: Path, zones: Sequence[str]) -> dict[str, Records]:
    """What each zone's ledger says; UsageError with all that are damaged."""
    with Lanes() as lanes:
        found = all_of([lanes.submit("", partial(ledger.read, ledger_dir, zone)) for zone in zones])
    return dict(zip(zones, found, strict=True))


def _reviewed(fleet: Fleet, ledger_dir: Path, bases: Mapping[str, Records], zones: Sequence[ZonePlan]) -> DnsPlan:
    """With what only the plans of all zones together tell, and the ledgers of zones that are not among them."""
    strays = {
        zone: entries
        for zone in ledger.zones(ledger_dir)
        if zone not in bases
        if (entries := ledger.read(ledger_dir, zone))
    }
    gone = released(fleet)
    left = [it for entries in strays.values() for it in entries]
    left += [it for records in bases.values() for it in records if (it.name, it.type) in gone]
    reviewed, warnings = review(fleet, zones, left)
    return DnsPlan(tuple(reviewed), (*(_stray(ledger_dir, zone) for zone in strays), *warnings))


def plan_undo(
    applied: DnsPlan, fleet: Fleet, base_dir: Path, ledger_dir: Path, *, signing: Collection[str] = ()
) -> DnsPlan:
    """The plan that takes an applied plan back, made from what is there now; a value changed since is a conflict.

    ``signing``: the names of keys that hosts sign with; to remove one of them is unsafe. Raises UsageError for a zone the
    inventory no longer has, ProviderError as ``plan`` does.
    """
    zones = [zone for zone in applied.zones if zone.net]
    held = {zone.name for zone in fleet.zones}
    gone = [zone.zone for zone in zones if zone.zone not in held]
    if gone:
        raise UsageError(
            f"the inventory no longer has {', '.join(gone)}; put the zones back to undo what was done there"
        )
    providers = _providers(fleet, base_dir, [zone.zone for zone in zones])
    homes = {zone.name: zone.provider for zone in fleet.zones}

    def look(zone: ZonePlan) -> ZonePlan:
        live = providers[zone.zone].read(zone.zone, [(change.name, change.type) for change in zone.net])
        return undo.inverse(zone, live, ledger.read(ledger_dir, zone.zone), signing)

    with Lanes() as lanes:
        return DnsPlan(tuple(all_of([lanes.submit(homes[zone.zone], partial(look, zone)) for zone in zones])))


def apply_additive(
    plan: DnsPlan,
    fleet: Fleet,
    base_dir: Path,
    ledger_dir: Path,
    written: Told = _nobody,
    told: Told = _nobody,
) -> tuple[str, ...]:
    """Write what the hosts need, and return the zones written; ``written`` is called with each as it is done.

    ``told``: as ``plan`` has it.

    Zones that others lead into come first, and the others only if that went well.

    Call it for an empty plan too: it then only brings the ledgers up to date, after a crash for instance.
    Raises UnsafePlan for a plan with conflicts, ZoneMoved where a plan is out of date (plan again, a few times at most),
    PasteNeeded where a person has to do the rest, ProviderError otherwise; its message says what had landed before.
    """
    first = leaders(plan.zones)
    steps = [Step(zone, zone.additive, last=not zone.subtractive) for zone in plan.zones]
    waves = [step for step in steps if step.zone.zone in first], [step for step in steps if step.zone.zone not in first]
    return tuple(zone for wave in waves for zone in _apply(plan, wave, fleet, base_dir, ledger_dir, (written, told)))


def apply_subtractive(
    plan: DnsPlan,
    fleet: Fleet,
    base_dir: Path,
    ledger_dir: Path,
    written: Told = _nobody,
    told: Told = _nobody,
) -> tuple[str, ...]:
    """Take away what nobody needs any more, and return the zones written. To be called after ``apply_additive``.

    Raises as ``apply_additive`` does.
    """
    steps = [Step(zone, zone.subtractive, last=True) for zone in plan.zones if zone.subtractive]
    return _apply(plan, steps, fleet, base_dir, ledger_dir, (written, told))


def _apply(
    plan: DnsPlan,
    steps: Sequence[Step],
    fleet: Fleet,
    base_dir: Path,
    ledger_dir: Path,
    calls: _Calls,
) -> tuple[str, ...]:
    if plan.conflicts:
        where = "; ".join(f"{conflict.name} {conflict.type}: {conflict.reason}" for conflict in plan.conflicts)
        raise UnsafePlan(f"{len(plan.conflicts)} conflicts, nothing was written: {where}")
    due = [step.zone.zone for step in steps if step.changes]
    providers = _providers(fleet, base_dir, due)
    written, told = calls
    announce(providers, (), due, told)
    return write(steps, providers, ledger_dir, written)


def _providers(fleet: Fleet, base_dir: Path, zones: Sequence[str]) -> Mapping[str, Provider]:
    """The provider of each zone; each is opened once, so a missing secret is said once."""
    needed = set(zones)
    homes = {zone.name: zone for zone in fleet.zones if zone.name in needed}
    firsts = {zone.provider: zone for zone in homes.values()}
    with Lanes() as lanes:
        opened = all_of([lanes.submit("", partial(provider_of, fleet, zone, base_dir)) for zone in firsts.values()])
    by_name = dict(zip(firsts, opened, strict=True))
    return {name: by_name[zone.provider] for name, zone in homes.items()}


def _stray(ledger_dir: Path, zone: str) -> str:
    hint = "put the zone back to have them removed, or delete the file to leave them"
    return f"{ledger_dir / zone}.json holds records we wrote, but the zone is not in the inventory; {hint}"
