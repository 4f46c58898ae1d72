"""Plans a fleet and applies the plan in the order that keeps mail flowing.

Additive DNS → seen on every authoritative server → hosts → a signed message proven → subtractive DNS. A host never signs
with a key the world cannot see. Killed anywhere, the next run goes on from what it finds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from postwright import clock, material, unpaced
from postwright.dns.writing import listed
from postwright.errors import DeployError, PostwrightError
from postwright.hosts import planning, runner
from postwright.hosts.plan import HostPlan
from postwright.inventory import Project
from postwright.keys.key import Keys
from postwright.keys.steps import KeyStep, steps
from postwright.locks import project_lock
from postwright.plan import FleetPlan
from postwright.proof import Signature
from postwright.publishing import Phase, await_caches, dns_plan, key_wait, publish, retract
from postwright.publishing import unproven as _unproven
from postwright.rollout import Waves, require_known, standing, waves
from postwright.rotation import moves, strangers
from postwright.rotation.endangered import lost_keys
from postwright.rotation.living import holdings, living
from postwright.rotation.outlook import outlook, unled
from postwright.rotation.proving import prove
from postwright.terms import Terms

_Told = tuple[Phase, Callable[[str, str], None]]  # of a phase; of a step on a host


@dataclass
class Landed:
    """What an apply did; filled as it goes, so that it can be told when one is cut short."""

    keys: tuple[KeyStep, ...] = ()
    zones: dict[str, None] = field(default_factory=dict)  # an ordered set
    hosts: dict[str, list[str]] = field(default_factory=dict)
    proven: list[Signature] = field(default_factory=list)
    done: list[str] = field(
        default_factory=list
    )  # hosts that were brought to the new state, and proven where it is due
    waves: Waves = ()  # where there is more than one
    reached: set[str] = field(default_factory=set)  # hosts on which a step began

    def zone(self, name: str) -> None:
        """A zone was written; called from the thread that did."""
        self.zones[name] = None

    @property
    def nothing(self) -> bool:
        return not self.keys and not self.zones and not any(self.hosts.values())

    def told(self) -> str:
        """One line for an operator whose run ended early."""
        moved = [f"{step.domain} {step.selector} {step.to}" for step in self.keys]
        parts = [f"keys {listed(moved)}"] if moved else []
        parts += [f"DNS of {listed(tuple(self.zones))}"] if self.zones else []
        parts += [f"host {host}: {', '.join(steps)}" for host, steps in self.hosts.items() if steps]
        parts += [self.standing()] if self.waves else []
        return "; ".join(parts) or "nothing"

    def standing(self) -> str:
        """Which hosts have the new state, and which the old one."""
        turn = next((it for it in self.waves if it[0] not in self.done), ())
        begun = [name for name in turn if name in self.reached]
        tried = [name for name in turn if name not in self.reached]
        waiting = [name for it in self.waves for name in it if name not in (*self.done, *turn)]
        return standing(self.done, begun, tried, waiting)

    def to_json(self) -> dict[str, Any]:
        proven = [{"host": it.host, "domain": it.domain, "selector": it.selector} for it in self.proven]
        return {
            "keys": [asdict(step) for step in self.keys],
            "zones": list(self.zones),
            "hosts": self.hosts,
            "proven": proven,
            "changed": not self.nothing,
        }


def exclusively(project: Project) -> AbstractContextManager[None]:
    """Hold the project from plan to apply: ledger and keyring must not change under them. LockedError names who has it."""
    return project_lock(project.base)


def make_plan(project: Project, phase: Phase, terms: Terms) -> FleetPlan:
    """What an apply would change; reads hosts and zones, changes nothing.

    DeployError if a host cannot be reached while keys or DNS are to change: every host has a say in that.
    """
    require_known([host.name for host in project.fleet.hosts], terms.canary, terms.drain, terms.undrain)
    phase("reading keys")
    keys = outlook(project, terms)
    hosts = {host.name: holdings(project.fleet, host, keys.then) for host in project.fleet.hosts}
    reading = planning.begun(project, hosts, terms.of_hosts)
    phase("reading DNS")
    found = dns_plan(project, terms, phase, keys.then)
    phase("reading hosts")
    noted = replace(found, notes=(*found.notes, *keys.notes, *material.notes_on_keys(project)))
    planned = reading()
    unfinished = _unproven(project).exists() or bool(material.hosts_without_key(project))
    _require_enough(planned, terms, more=bool(keys.steps) or not noted.is_empty or unfinished)
    plans = planned.plans
    dangers = (
        *strangers.dangers(project, plans),
        *lost_keys(project, found, keys.then),
        *unpaced.dangers(project, plans),
    )
    return FleetPlan(keys.steps, noted, plans, dangers, tuple(planned.unreachable.values()))


def _require_enough(planned: planning.Planned, terms: Terms, *, more: bool) -> None:
    """DeployError if some host cannot be reached that has a say. ``more`` than files and services changes: in that every one has."""
    lines = "\n".join(planned.unreachable.values())
    asked = {terms.canary, terms.drain, terms.undrain} & planned.unreachable.keys()
    if lines and (asked or not planned.plans):
        raise DeployError(f"{lines}\nno host was changed")
    if lines and more:
        raise DeployError(f"{lines}\nno host was changed: keys or DNS are to change, and every host must know of that")


@contextmanager
def _interruptible(project: Project, landed: Landed) -> Iterator[None]:
    """Whatever ends an apply early, the operator reads what had landed by then."""
    before = living(project)
    try:
        with _noting_keys(project, before, landed):
            yield
    except KeyboardInterrupt:
        msg = f"interrupted; landed so far: {landed.told()}; the next apply completes it"
        raise DeployError(msg) from None
    except PostwrightError as error:
        if landed.nothing:
            raise
        error.add_note(f"landed before: {landed.told()}")
        raise


@contextmanager
def _noting_keys(project: Project, before: Mapping[str, Keys], landed: Landed) -> Iterator[None]:
    try:
        yield
    finally:
        landed.keys = steps(before, living(project))


def apply(
    project: Project, expected: FleetPlan, phase: Phase, step: Callable[[str, str], None], terms: Terms
) -> Landed:
    """Bring keys, DNS and hosts to what the inventory says; returns what changed. To be called ``exclusively``.

    ``expected`` is the plan the operator has agreed to: DNS is changed in no other way. If there is anything to do, a note
    in the project says that signing is unproven until it has been proven: by this run, or by the next one if this is cut
    short.

    Raises LockedError, UnsafePlan, ProviderError, DeployError or UsageError; each says what had landed before.
    """
    landed = Landed()
    if not expected.is_empty:
        _unproven(project).touch()
    with _interruptible(project, landed):
        if expected.unreachable:
            material.make_management_keys(project)
            _hosts(project, expected, landed, (phase, step), terms)
            raise DeployError("\n".join((*expected.unreachable, "the other hosts are as described")))
        _make_keys(project, expected, phase, terms)
        plan = publish(project, expected, phase, landed.zone, terms, partial(moves.missed, project))
        moves.published(project, key_wait(project, plan))
        await_caches(project, plan, phase, settle=terms.settle)
        _confirm_keys(project, expected, phase, terms)
        _hosts(project, expected, landed, (phase, step), terms)
        retract(project, plan, phase, landed.zone)
        moves.ended(project)
    return landed


def _hosts(project: Project, expected: FleetPlan, landed: Landed, told: _Told, terms: Terms) -> None:
    """Bring the hosts that are not what they are to be to it, wave by wave, each proven before the next.

    The others were looked at when the plan was made, and nothing was agreed to for them: they are proven, where that is due.
    """
    phase, step = told
    before = clock.now()
    due = _unproven(project).exists() or bool(moves.unproven(living(project)))
    plans = {plan.host: plan for plan in expected.hosts}
    for wave in _rolling(project, expected, landed, terms):
        if changed := _changing(project, [plans[name] for name in wave]):
            phase("hosts" if not landed.waves else f"hosts: {listed(changed)}")
            runner.apply(project, lambda line: _note(landed, line, step), hosts=changed, terms=terms.of_hosts)
        if due or landed.hosts:
            phase("proving that every host signs" if not landed.waves else "proving that they sign")
            landed.proven += prove(project, phase, wave, landed.done)
    _unproven(project).unlink(
        missing_ok=True
    )  # with a host that cannot be reached nothing was unproven before this run
    if not expected.unreachable:
        moves.taken_off(project, before)


def _changing(project: Project, plans: Iterable[HostPlan]) -> list[str]:
    """The hosts to be touched: with a plan, or by now to hold other keys than those it was made for."""
    keys, fleet = living(project), project.fleet
    return [it.host for it in plans if it.changes or it.holds != holdings(fleet, fleet.host(it.host), keys)]


def _rolling(project: Project, expected: FleetPlan, landed: Landed, terms: Terms) -> Iterator[tuple[str, ...]]:
    """The waves of hosts; one is done when the next is asked for."""
    found = waves(project.fleet.rollout, expected.hosts, terms.canary)
    landed.waves = found if len(found) > 1 else ()
    for wave in found:
        yield wave
        landed.done += wave
    landed.waves = ()


def _note(landed: Landed, line: dict[str, Any], step: Callable[[str, str], None]) -> None:
    title = line["step"].removeprefix("mail host | ")
    if line["event"] == "step":
        landed.reached.add(line["host"])
        step(line["host"], title)
    elif line["event"] == "changed":
        landed.hosts.setdefault(line["host"], []).append(title)


def _make_keys(project: Project, expected: FleetPlan, phase: Phase, terms: Terms) -> None:
    if hosts := material.hosts_without_key(project):
        phase(f"making the TLS key of {listed([host.name for host in hosts])}")
        material.make_tls_keys(project)
    number = sum(step.is_new for step in expected.keys)
    if number:
        phase(f"making {number} DKIM key{'s' if number > 1 else ''}")
    moves.begin(project, expected.keys, terms)
    material.make_management_keys(project)


def _confirm_keys(project: Project, expected: FleetPlan, phase: Phase, terms: Terms) -> None:
    """Every published key has been seen by now; not confirmed where the owner's CNAME is missing."""
    if terms.settle and (seconds := moves.seconds_to_wait(project, expected.keys)):
        phase(f"waiting {seconds} s, until no cache says that the new keys are not there")
        time.sleep(seconds)
    if moves.agreed(expected.keys):
        moves.confirmed(project, expected.keys, unled(project, terms))
