"""The service the commands call: plan DNS, then apply the plan's two steps.

Promise: a step first reads again and refuses if the zone moved since the plan; it reads back what it wrote; the ledger
knows of a value before the zone does, so a run killed at any point is healed by the next. Zones are written one after the
other, and the first failure stops the rest. Nothing is written to a zone that the plan does not name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from postwright.dns import ledger
from postwright.dns.canonical import same
from postwright.dns.diff import Three, diff, wanted
from postwright.dns.plan import Change, DnsPlan, RRset, ZonePlan
from postwright.dns.providers import Provider, ZoneMoved, provider_of
from postwright.dns.records import Record, desired, released, zone_for
from postwright.errors import PostwrightError, ProviderError, UnsafePlan, UsageError
from postwright.keys.public import PublicKey
from postwright.model import Fleet

T = TypeVar("T")
Progress = Callable[[str], None]
_WORKERS = 8  # zones read at once; each is one connection


def plan(fleet: Fleet, keys: Sequence[PublicKey], base_dir: Path, ledger_dir: Path, *, adopt: bool = False) -> DnsPlan:
    """Read every zone of the fleet and compare; nothing is changed, neither in DNS nor in the ledger.

    ``base_dir``: the inventory's folder, for its relative secrets. ``adopt``: values of others in RRsets that should be
    ours become replacements instead of conflicts. Raises ProviderError or UsageError with the problems of all zones.
    """
    providers = _providers(fleet, base_dir, [zone.name for zone in fleet.zones])
    by_zone: dict[str, list[Record]] = {zone: [] for zone in providers}
    for record in desired(fleet, keys):
        by_zone[zone_for(fleet, record.name).name].append(record)

    def look(zone: str) -> ZonePlan:
        base = ledger.read(ledger_dir, zone)
        live = providers[zone].read(zone, wanted(base, by_zone[zone]))
        return diff(zone, Three(base, live, tuple(by_zone[zone]), released(fleet), adopt))

    strays = [zone for zone in ledger.zones(ledger_dir) if zone not in providers and ledger.read(ledger_dir, zone)]
    return DnsPlan(
        tuple(_all([partial(look, zone) for zone in providers])), tuple(_stray(ledger_dir, zone) for zone in strays)
    )


def apply_additive(
    plan: DnsPlan, fleet: Fleet, base_dir: Path, ledger_dir: Path, progress: Progress = lambda _: None
) -> tuple[str, ...]:
    """Write what the hosts need, and return the zones written.

    Call it for an empty plan too: it then only brings the ledgers up to date, after a crash for instance.
    Raises UnsafePlan for a plan with conflicts, ZoneMoved where a plan is out of date (plan again, a few times at most),
    ProviderError otherwise; its message says what had landed before.
    """
    steps = [_Step(zone, zone.additive, last=not zone.subtractive) for zone in plan.zones]
    return _apply(plan, steps, _Place(fleet, base_dir, ledger_dir, progress))


def apply_subtractive(
    plan: DnsPlan, fleet: Fleet, base_dir: Path, ledger_dir: Path, progress: Progress = lambda _: None
) -> tuple[str, ...]:
    """Take away what nobody needs any more, and return the zones written. To be called after ``apply_additive``.

    Raises as ``apply_additive`` does.
    """
    steps = [_Step(zone, zone.subtractive, last=True) for zone in plan.zones if zone.subtractive]
    return _apply(plan, steps, _Place(fleet, base_dir, ledger_dir, progress))


@dataclass(frozen=True)
class _Step:
    zone: ZonePlan
    changes: tuple[Change, ...]
    last: bool


@dataclass(frozen=True)
class _Place:
    fleet: Fleet
    base_dir: Path
    ledger_dir: Path
    progress: Progress


def _apply(plan: DnsPlan, steps: Iterable[_Step], place: _Place) -> tuple[str, ...]:
    if plan.conflicts:
        where = "; ".join(f"{conflict.name} {conflict.type}: {conflict.reason}" for conflict in plan.conflicts)
        raise UnsafePlan(f"{len(plan.conflicts)} conflicts, nothing was written: {where}")
    steps = tuple(steps)
    providers = _providers(place.fleet, place.base_dir, [step.zone.zone for step in steps if step.changes])
    landed: list[str] = []
    for step in steps:
        zone = step.zone.zone
        try:
            if step.changes:
                _write(providers[zone], step, place)
                landed.append(zone)
                place.progress(f"zone {zone}: {len(step.changes)} RRsets written and read back")
        except ProviderError as error:
            before = f"written before it: {', '.join(landed)}" if landed else "no zone was written before it"
            raise type(error)(f"{error}\n{before}") from error
        if step.last:
            _record(place.ledger_dir, zone, step.zone.ours)
    return tuple(landed)


def _write(provider: Provider, step: _Step, place: _Place) -> None:
    zone = step.zone.zone
    keys = [(change.name, change.type) for change in step.changes]
    if not _is(provider.read(zone, keys), step.changes, "old"):
        raise ZoneMoved(f"zone {zone}: changed since the plan was made; run the plan again")
    known = ledger.read(place.ledger_dir, zone)
    _record(place.ledger_dir, zone, (*step.zone.base, *step.zone.ours))
    try:
        provider.apply(zone, step.changes)
    except ProviderError:
        _forget_if_untouched(provider, step, place, known)
        raise
    if not _is(provider.read(zone, keys), step.changes, "new"):
        hint = "nothing more is written; run the plan to see what differs, and look into the server's log"
        raise ProviderError(f"zone {zone}: the server said done, but answers otherwise than was written; {hint}")


def _forget_if_untouched(provider: Provider, step: _Step, place: _Place, known: Iterable[Record]) -> None:
    """After a failed write: if the zone is as it was, the ledger must not claim what was never written."""
    try:
        live = provider.read(step.zone.zone, [(change.name, change.type) for change in step.changes])
    except ProviderError:
        return  # unknown whether it landed: the wider ledger is the safe one
    if _is(live, step.changes, "old"):
        _record(place.ledger_dir, step.zone.zone, known)


def _is(live: Iterable[RRset], changes: Iterable[Change], side: str) -> bool:
    """Whether every RRset is on that side of its change, values and TTL."""
    found = {(rrset.name, rrset.type): rrset for rrset in live}
    for change in changes:
        rrset = found.get((change.name, change.type), RRset(change.name, change.type, 0, ()))
        values, ttl = (change.old, change.old_ttl) if side == "old" else (change.new, change.ttl)
        if not same(rrset.values, values, change.type) or (values and rrset.ttl != ttl):
            return False
    return True


def _record(directory: Path, zone: str, records: Iterable[Record]) -> None:
    wanted_records = set(records)
    if wanted_records != set(ledger.read(directory, zone)):
        ledger.write(directory, zone, wanted_records)


def _providers(fleet: Fleet, base_dir: Path, zones: Sequence[str]) -> dict[str, Provider]:
    """The provider of each zone; each is opened once, so a missing secret is said once."""
    homes = {zone.name: zone for zone in fleet.zones if zone.name in set(zones)}
    firsts = {zone.provider: zone for zone in homes.values()}
    opened = dict(
        zip(firsts, _all([partial(provider_of, fleet, zone, base_dir) for zone in firsts.values()]), strict=True)
    )
    return {name: opened[zone.provider] for name, zone in homes.items()}


def _all(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Run the jobs side by side; if any failed, raise the problems of all."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        futures = [pool.submit(job) for job in jobs]
    errors = [error for future in futures if isinstance(error := future.exception(), PostwrightError)]
    if errors:
        kind = UsageError if all(isinstance(error, UsageError) for error in errors) else ProviderError
        raise kind("\n".join(dict.fromkeys(map(str, errors))))
    return [future.result() for future in futures]


def _stray(ledger_dir: Path, zone: str) -> str:
    hint = "put the zone back to have them removed, or delete the file to leave them"
    return f"{ledger_dir / zone}.json holds records we wrote, but the zone is not in the inventory; {hint}"
