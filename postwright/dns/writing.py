"""Carries out one step of a plan: several zones side by side, each checked before and read back after.

Promise: the zone must be what the plan was made from, and so must the ledger; it is looked at again unless the server compares
as it writes. The ledger knows of a value before the zone does, so a run killed at any point is healed by the next. After the
first failure no further zone is begun; those under way are finished, and the error says what landed and what was not begun.
Only values a change names are written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from postwright.dns import ledger
from postwright.dns.canonical import same
from postwright.dns.plan import Change, RRset, ZonePlan
from postwright.dns.providers import OutcomeUnknown, PasteNeeded, Provider, ZoneMoved
from postwright.dns.records import Record
from postwright.errors import PostwrightError, ProviderError

WORKERS = 8  # zones written or read at once; each is one connection
_SHOWN = 20  # names in one line of an error


@dataclass(frozen=True)
class Step:
    """What is written to one zone. ``last``: afterwards the ledger says what the plan's ``ours`` says."""

    zone: ZonePlan
    changes: tuple[Change, ...]
    last: bool


def write(
    steps: Sequence[Step], providers: Mapping[str, Provider], ledger_dir: Path, written: Callable[[str], None]
) -> tuple[str, ...]:
    """Write all steps and return the zones written; ``written`` is called with each, from its thread.

    Raises ZoneMoved where a zone or its ledger is not what the plan was made from, PasteNeeded where a person must do the
    rest and nothing else went wrong, ProviderError or UsageError otherwise.
    """
    stop = threading.Event()
    landed: dict[str, None] = {}

    def one(step: Step) -> PostwrightError | None:
        if stop.is_set():
            return None
        try:
            if step.changes:
                _write(providers[step.zone.zone], step, ledger_dir)
                landed[step.zone.zone] = None
                written(step.zone.zone)
            if step.last:
                _record(ledger_dir, step.zone.zone, step.zone.ours)
        except PasteNeeded as error:
            return error
        except PostwrightError as error:
            stop.set()
            return error
        return None

    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            errors = [error for error in pool.map(one, steps) if error]
        except BaseException:
            stop.set()  # nothing new is begun while those under way end
            raise
    if errors:
        raise _failure(errors, tuple(landed), [step for step in steps if step.changes])
    return tuple(landed)


def _failure(errors: Sequence[PostwrightError], landed: Sequence[str], steps: Sequence[Step]) -> PostwrightError:
    kinds = {type(error) for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else ProviderError
    before = f"written before it: {listed(landed)}" if landed else "no zone was written before it"
    left = [step.zone.zone for step in steps if step.zone.zone not in landed]
    missing = [f"not written: {listed(left)}; the next run goes on with them"] if len(left) > len(errors) else []
    return kind("\n".join([*dict.fromkeys(map(str, errors)), before, *missing]))


def listed(names: Sequence[str]) -> str:
    """The names in one line; of very many the first ones and how many more."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _write(provider: Provider, step: Step, ledger_dir: Path) -> None:
    zone = step.zone.zone
    keys = [(change.name, change.type) for change in step.changes]
    known = ledger.read(ledger_dir, zone)
    claim = {*step.zone.base, *step.zone.ours}
    if set(known) not in (set(step.zone.base), claim):
        raise ZoneMoved(
            f"zone {zone}: {ledger.path(ledger_dir, zone)} changed since the plan was made; run the plan again"
        )
    live = _still_old(provider, step)
    _record(ledger_dir, zone, claim)
    try:
        provider.apply(zone, _with_ids(step.changes, live))
    except (PasteNeeded, OutcomeUnknown):
        raise
    except ProviderError as error:
        if _is_untouched(provider, step, error):  # then the ledger must not claim what was never written
            _record(ledger_dir, zone, known)
        raise
    if not _is(provider.read(zone, keys), step.changes, "new"):
        hint = "nothing more is written; run the plan to see what differs, and look into the server's log"
        raise ProviderError(f"zone {zone}: the server said done, but answers otherwise than was written; {hint}")


def _still_old(provider: Provider, step: Step) -> tuple[RRset, ...]:
    """What is there now, as far as the write itself does not compare it; ZoneMoved if that is not what the plan saw."""
    changes = [it for it in step.changes if not provider.compares or _sets_ttl(it, step.zone.desired)]
    live = provider.read(step.zone.zone, [(change.name, change.type) for change in changes]) if changes else ()
    if not _is(live, changes, "old"):
        raise ZoneMoved(f"zone {step.zone.zone}: changed since the plan was made; run the plan again")
    return live


def _sets_ttl(change: Change, desired: Iterable[Record]) -> bool:
    """Whether it may take back a TTL that was set since the plan, for what is put into an RRset brings its TTL to all of it.

    A server compares values alone. Where all of an RRset is ours the inventory says the TTL, and the next plan would set it.
    """
    alone = any((it.name, it.type) == (change.name, change.type) and not it.shared for it in desired)
    return bool(change.old and (change.gains or change.retimed)) and not alone


def _with_ids(changes: Iterable[Change], live: Iterable[RRset]) -> tuple[Change, ...]:
    """The changes with the provider's names of the old values as they are now: a second step's did not exist when it was planned."""
    found = {(rrset.name, rrset.type): rrset for rrset in live}
    return tuple(change.identified(found.get((change.name, change.type))) for change in changes)


def _is_untouched(provider: Provider, step: Step, error: ProviderError) -> bool:
    """Whether a failed write has certainly changed nothing."""
    if isinstance(error, ZoneMoved) and error.untouched:
        return True
    try:
        live = provider.read(step.zone.zone, [(change.name, change.type) for change in step.changes])
    except ProviderError:
        return False  # unknown whether it landed: the wider ledger is the safe one
    return _is(live, step.changes, "old")


def _is(live: Iterable[RRset], changes: Iterable[Change], side: str) -> bool:
    """Whether every RRset is on that side of its change: values, TTL, and whether it is proxied."""
    found = {(rrset.name, rrset.type): rrset for rrset in live}
    changes = tuple(changes)
    aliases = {change.name for change in changes if change.type == "CNAME"}  # compared like any other, below
    for change in changes:
        if (change.name, "NS") in found or (change.name not in aliases and (change.name, "CNAME") in found):
            return False  # whatever stands beside these is hidden
        rrset = found.get((change.name, change.type), RRset(change.name, change.type, 0, ()))
        values, ttl = (change.old, change.old_ttl) if side == "old" else (change.new, change.ttl)
        timed = side == "old" or change.retimed or not change.old  # else the TTL is left to whoever set it
        if not same(rrset.values, values, change.type) or (timed and values and rrset.ttl != ttl):
            return False
        if rrset.proxied != (change.proxied and side == "old"):
            return False
    return True


def _record(directory: Path, zone: str, records: Iterable[Record]) -> None:
    wanted_records = set(records)
    if wanted_records != set(ledger.read(directory, zone)):
        ledger.write(directory, zone, wanted_records)
