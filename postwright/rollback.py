"""Puts hosts back to states of their files that they keep, services included, and proves that they sign.

Promise: nothing is put back that would make mail fail: a state that signs with a key the world cannot see, or that lets
held mail go at once, is unsafe; so is one that brings back what was taken away since. Keys, DNS and the
inventory are not touched, and no package is downgraded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from postwright import clock, material, unpaced
from postwright.brought_back import Kept
from postwright.brought_back import dangers as brought_back
from postwright.errors import ProviderError, UnsafePlan, UsageError
from postwright.hosts import runner
from postwright.hosts.plan import HostPlan
from postwright.inventory import Project
from postwright.keys.key import record_name
from postwright.keys.signing import Held
from postwright.proof import Signature, prove_signing
from postwright.publishing import Phase
from postwright.rotation.living import holdings, living
from postwright.rotation.proving import key_texts
from postwright.services.postfix import DRAINED


@dataclass(frozen=True)
class Generation:
    """A state of its files that a host keeps. ``found``: an apply found it there, and did not make it itself.

    ``time``: seconds since the epoch. ``before``: the number of the state it came after; ``changed``: the paths it
    changed. ``lost``: files of it that are no longer kept. ``begun``: a run that was putting it in place was cut off;
    ``before`` is then the state that run came from, or the one it was going back to.
    """

    number: int
    time: int
    before: int | None
    found: bool
    changed: tuple[str, ...]
    present: bool
    lost: tuple[str, ...]
    begun: bool = False

    @property
    def moment(self) -> str:
        return f"{datetime.fromtimestamp(self.time, UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True)
class Return:
    """What going back means for one host."""

    host: str
    to: Generation
    now: int | None
    plan: HostPlan
    signs: tuple[Held, ...]
    kept: Kept


@dataclass(frozen=True)
class Rollback:
    """All of it, with every reason why it is unsafe."""

    returns: tuple[Return, ...]
    dangers: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return all(it.plan.changes == 0 for it in self.returns)

    def require_safe(self, *, force: bool) -> None:
        """UnsafePlan with every reason, unless the operator insists."""
        if self.dangers and not force:
            raise UnsafePlan("\n".join(self.dangers) + "\nnothing was changed; --force does it all the same")


@dataclass(frozen=True)
class Restored:
    """What a rollback did."""

    steps: Mapping[str, Sequence[str]]
    proven: tuple[Signature, ...]


def kept(project: Project, hosts: Collection[str]) -> dict[str, list[Generation]]:
    """The states each of these hosts keeps, oldest first. DeployError if one cannot be asked."""
    answers = runner.run_script(project, "generations", {host: {} for host in hosts})
    return {host: [_generation(it) for it in answer["generations"]] for host, answer in answers.items()}


def _generation(it: dict[str, Any]) -> Generation:
    lists = {name: tuple(it[name]) for name in ("changed", "lost")}
    return Generation(**{**it, **lists})


def target(host: str, generations: Sequence[Generation], to: int | None) -> Generation:
    """The state to go back to: the one asked for, or the one before that of now. UsageError if there is none. Pure.

    Where a run was cut off, that of now is the one it was putting in place, so what has begun is taken back.
    """
    by_number = {it.number: it for it in generations}
    known = ", ".join(map(str, by_number)) or "none"
    now = next((it for name in ("begun", "present") for it in generations if getattr(it, name)), None)
    if to is not None and to not in by_number:
        raise UsageError(f"host {host}: keeps no generation {to}; it has {known}, see `postwright rollback --list`")
    if to is not None:
        return by_number[to]
    if now is None and generations:
        return generations[-1]
    earlier = [it for it in generations if now and it.number < now.number]
    if now and now.before in by_number:
        return by_number[now.before]
    if now and now.before is not None:
        gone = f"keeps no longer generation {now.before}, which was there before that of now"
        raise UsageError(f"host {host}: {gone}; choose one of {known} with --to, see `postwright rollback --list`")
    if not earlier:
        raise UsageError(f"host {host}: keeps no generation before that of now (it has {known}); there is no way back")
    return earlier[-1]


def make_rollback(project: Project, hosts: Collection[str], to: int | None, phase: Phase) -> Rollback:
    """What going back would do; reads hosts and DNS, changes nothing.

    Raises UsageError if a host keeps no such state, UnsafePlan if one is no longer whole, DeployError if a host is not fit.
    """
    phase("reading hosts")
    found = kept(project, hosts)
    targets = {host: target(host, generations, to) for host, generations in found.items()}
    answers = runner.plan_rollback(project, {host: it.number for host, it in targets.items()})
    _require_whole(targets)
    now = {host: next((it.number for it in generations if it.present), None) for host, generations in found.items()}
    returns = tuple(
        Return(host, targets[host], now[host], it["plan"], tuple(it["signs"]), it["kept"])
        for host, it in answers.items()
    )
    phase("reading keys and DNS")
    return Rollback(returns, tuple(_dangers(project, returns)))


def _dangers(project: Project, returns: Sequence[Return]) -> Iterator[str]:
    yield from _key_dangers(project, returns)
    yield from _intake_dangers(returns)
    yield from unpaced.dangers(project, [it.plan for it in returns])
    for it in returns:
        place = f"host {it.host}: generation {it.to.number} brings back"
        yield from brought_back(place, it.plan.files, it.kept, partial(_tlsa, project, it.host), clock.now())


def _tlsa(project: Project, host: str) -> str | None:
    """The public key that the inventory has DNS name for a host."""
    return material.certificate_digests(project).get(host)


def _require_whole(targets: Mapping[str, Generation]) -> None:
    lost = [
        f"host {host}: generation {it.number} lacks {', '.join(it.lost)}" for host, it in targets.items() if it.lost
    ]
    if lost:
        hint = "a private key that leaves a host leaves what it keeps as well; choose a later one"
        raise UnsafePlan("\n".join(lost) + f"\nnothing was changed; {hint}, see `postwright rollback --list`")


def _intake_dangers(returns: Iterable[Return]) -> Iterator[str]:
    """Whether a host takes mail in is not decided by the way."""
    for it in returns:
        for change in it.plan.files:
            if change.path == DRAINED:
                said = "takes mail in, and the host is drained" if change.what == "removed" else "was drained"
                yield f"host {it.host}: generation {it.to.number} {said}; see `apply --drain` and `--undrain`"


def _key_dangers(project: Project, returns: Iterable[Return]) -> Iterator[str]:
    """A line per key that a state signs with and that the world does not see, or that is not to be signed with."""
    keys, text = living(project), key_texts(project)
    for it in returns:
        may = {(key.domain, key.selector) for key in holdings(project.fleet, project.fleet.host(it.host), keys)}
        for key in it.signs:
            place = f"host {it.host}: generation {it.to.number} signs {key.domain} with {key.selector}"
            if (key.domain, key.selector) not in may:
                state = next(
                    (known.state for known in keys.get(key.domain, ()) if known.selector == key.selector), None
                )
                said = f"is {state}" if state else "is not in the keyring for it"
                yield f"{place}, which {said}: mail would not verify, or soon no more"
            elif problem := _unseen(project, text, key):
                yield f"{place}, {problem}"


def _unseen(project: Project, text: Callable[[str], bytes | None], key: Held) -> str:
    """What is wrong with the record of a key; empty if nothing is."""
    try:
        found = text(record_name(key.selector, key.domain))
    except ProviderError as error:
        return f"and whether DNS shows it is unknown: {error}"
    known = next(it for it in living(project)[key.domain] if it.selector == key.selector)
    shown = found is not None and known.p.encode() in found.replace(b" ", b"")
    return "" if shown else "which DNS does not show: mail would not verify"


def roll_back(project: Project, agreed: Rollback, phase: Phase, step: Callable[[str, str], None]) -> Restored:
    """Do it; to be called ``exclusively``. ProofFailed if a host does not sign then as that state says."""
    phase("hosts")
    numbers = {it.host: it.to.number for it in agreed.returns}

    def note(line: dict[str, Any]) -> None:
        if line["event"] == "step":
            step(line["host"], line["step"].removeprefix("rollback | "))

    steps = runner.rollback(project, numbers, note)
    phase("proving that every host signs")
    signs = {it.host: it.signs for it in agreed.returns}
    proven = prove_signing(project.only(signs), signs, key_texts(project))
    changed = {host: [it.removeprefix("rollback | ") for it in done] for host, done in steps.items() if done}
    return Restored(changed, tuple(proven))
