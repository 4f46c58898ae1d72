"""The service the commands call: plan DNS, then apply the plan's two steps, or undo an applied plan.

Promise: planning changes nothing, neither in DNS nor in the ledger. How a step is carried out is in ``writing``. Nothing is
written to a zone that the plan does not name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from postwright.dns import ledger, undo
from postwright.dns.diff import Three, diff, wanted
from postwright.dns.nameservers import NoAnswerError, ask, authoritative
from postwright.dns.plan import DnsPlan, ZonePlan
from postwright.dns.providers import Provider, provider_of
from postwright.dns.records import Record, desired, released, zone_for
from postwright.dns.spf.review import review
from postwright.dns.waves import leaders
from postwright.dns.writing import WORKERS, Step, write
from postwright.errors import PostwrightError, ProviderError, UnsafePlan, UsageError
from postwright.keys.public import PublicKey
from postwright.model import Fleet

T = TypeVar("T")


def plan(
    fleet: Fleet,
    keys: Sequence[PublicKey],
    base_dir: Path,
    ledger_dir: Path,
    *,
    tlsa: Mapping[str, str] = MappingProxyType({}),
    adopt: bool = False,
    consolidate: bool = False,
    looked: Callable[[str], None] = lambda _: None,
) -> DnsPlan:
    """Read every zone of the fleet and compare; nothing is changed.

    ``base_dir``: the inventory's folder, for its relative secrets. ``tlsa``: as ``records.desired`` takes it; used in zones
    that are signed. ``adopt``: values of others in RRsets that should be ours become replacements instead of conflicts.
    ``consolidate``: several SPF records of a name are joined instead of being a conflict. ``looked`` is called with each zone that was read, from its thread.
    Raises ProviderError or UsageError with the problems of all zones.
    """
    providers = _providers(fleet, base_dir, [zone.name for zone in fleet.zones])
    by_zone: dict[str, list[Record]] = {zone: [] for zone in providers}
    for record in desired(fleet, keys, tlsa):
        by_zone[zone_for(fleet, record.name).name].append(record)

    gone = released(fleet)

    def look(zone: str) -> ZonePlan:
        base = ledger.read(ledger_dir, zone)
        ours = tuple(_fit(fleet, zone, by_zone[zone]))
        live = providers[zone].read(zone, wanted(base, ours))
        looked(zone)
        return diff(zone, Three(base, live, ours, gone, adopt, consolidate))

    strays = [zone for zone in ledger.zones(ledger_dir) if zone not in providers and ledger.read(ledger_dir, zone)]
    left = [record for zone in strays for record in ledger.read(ledger_dir, zone)]
    if gone:
        left += [it for zone in providers for it in ledger.read(ledger_dir, zone) if (it.name, it.type) in gone]
    zones, warnings = review(fleet, _all([partial(look, zone) for zone in providers]), left)
    return DnsPlan(tuple(zones), (*(_stray(ledger_dir, zone) for zone in strays), *warnings))


def _fit(fleet: Fleet, zone: str, records: Sequence[Record]) -> Iterator[Record]:
    """The records without TLSA where the zone is not signed: senders believe only what DNSSEC proves (RFC 7672 §2.1)."""
    signed = any(record.type == "TLSA" for record in records) and _is_signed(fleet, zone)
    return (record for record in records if signed or record.type != "TLSA")


def _is_signed(fleet: Fleet, zone: str) -> bool:
    servers, notes = authoritative(fleet, zone_for(fleet, zone))
    try:
        if servers:
            return bool(ask(servers[0], zone, "DNSKEY"))
    except NoAnswerError as error:
        notes = (*notes, str(error))
    hint = 'set "tlsa": False in mail_fleet, or mend the way to its servers'
    reason = "; ".join(note.removeprefix(f"zone {zone}: ") for note in notes)
    raise ProviderError(f"zone {zone}: whether it is signed is unknown: {reason}; {hint}")


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

    def look(zone: ZonePlan) -> ZonePlan:
        live = providers[zone.zone].read(zone.zone, [(change.name, change.type) for change in zone.net])
        return undo.inverse(zone, live, ledger.read(ledger_dir, zone.zone), signing)

    return DnsPlan(tuple(_all([partial(look, zone) for zone in zones])))


def apply_additive(
    plan: DnsPlan, fleet: Fleet, base_dir: Path, ledger_dir: Path, written: Callable[[str], None] = lambda _: None
) -> tuple[str, ...]:
    """Write what the hosts need, and return the zones written; ``written`` is called with each as it is done.

    Zones that others lead into come first, and the others only if that went well.

    Call it for an empty plan too: it then only brings the ledgers up to date, after a crash for instance.
    Raises UnsafePlan for a plan with conflicts, ZoneMoved where a plan is out of date (plan again, a few times at most),
    PasteNeeded where a person has to do the rest, ProviderError otherwise; its message says what had landed before.
    """
    first = leaders(plan.zones)
    steps = [Step(zone, zone.additive, last=not zone.subtractive) for zone in plan.zones]
    waves = [step for step in steps if step.zone.zone in first], [step for step in steps if step.zone.zone not in first]
    return tuple(zone for wave in waves for zone in _apply(plan, wave, fleet, base_dir, ledger_dir, written))


def apply_subtractive(
    plan: DnsPlan, fleet: Fleet, base_dir: Path, ledger_dir: Path, written: Callable[[str], None] = lambda _: None
) -> tuple[str, ...]:
    """Take away what nobody needs any more, and return the zones written. To be called after ``apply_additive``.

    Raises as ``apply_additive`` does.
    """
    steps = [Step(zone, zone.subtractive, last=True) for zone in plan.zones if zone.subtractive]
    return _apply(plan, steps, fleet, base_dir, ledger_dir, written)


def _apply(
    plan: DnsPlan,
    steps: Sequence[Step],
    fleet: Fleet,
    base_dir: Path,
    ledger_dir: Path,
    written: Callable[[str], None],
) -> tuple[str, ...]:
    if plan.conflicts:
        where = "; ".join(f"{conflict.name} {conflict.type}: {conflict.reason}" for conflict in plan.conflicts)
        raise UnsafePlan(f"{len(plan.conflicts)} conflicts, nothing was written: {where}")
    providers = _providers(fleet, base_dir, [step.zone.zone for step in steps if step.changes])
    return write(steps, providers, ledger_dir, written)


def _providers(fleet: Fleet, base_dir: Path, zones: Sequence[str]) -> Mapping[str, Provider]:
    """The provider of each zone; each is opened once, so a missing secret is said once."""
    needed = set(zones)
    homes = {zone.name: zone for zone in fleet.zones if zone.name in needed}
    firsts = {zone.provider: zone for zone in homes.values()}
    opened = dict(
        zip(firsts, _all([partial(provider_of, fleet, zone, base_dir) for zone in firsts.values()]), strict=True)
    )
    return {name: opened[zone.provider] for name, zone in homes.items()}


def _all(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Run the jobs side by side; if any failed, raise the problems of all."""
    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            wait(futures)
        except BaseException:  # Ctrl-C: those under way end, nothing more is asked
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    errors = [error for future in futures if isinstance(error := future.exception(), PostwrightError)]
    if errors:
        kind = UsageError if all(isinstance(error, UsageError) for error in errors) else ProviderError
        raise kind("\n".join(dict.fromkeys(map(str, errors))))
    return [future.result() for future in futures]


def _stray(ledger_dir: Path, zone: str) -> str:
    hint = "put the zone back to have them removed, or delete the file to leave them"
    return f"{ledger_dir / zone}.json holds records we wrote, but the zone is not in the inventory; {hint}"
