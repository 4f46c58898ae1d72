"""Plans a fleet and applies the plan in the order that keeps mail flowing.

Additive DNS → seen on every authoritative server → hosts → a signed message proven → subtractive DNS. A host never signs
with a key the world cannot see. Killed anywhere, the next run goes on from what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from postwright import material
from postwright.dns import nameservers
from postwright.dns.canonical import txt_octets
from postwright.dns.kinds import delegation
from postwright.dns.records import zone_for
from postwright.dns.writing import listed
from postwright.errors import DeployError, PostwrightError
from postwright.hosts import runner
from postwright.hosts.bundles import planned_selector
from postwright.inventory import Project
from postwright.locks import project_lock
from postwright.plan import FleetPlan, NewKey
from postwright.proof import Signature, prove_signing
from postwright.publishing import Phase, Terms, await_caches, dns_plan, publish, retract, waiting


@dataclass
class Landed:
    """What an apply did; filled as it goes, so that it can be told when one is cut short."""

    keys: list[str] = field(default_factory=list)
    zones: dict[str, None] = field(default_factory=dict)  # an ordered set
    hosts: dict[str, list[str]] = field(default_factory=dict)
    proven: list[Signature] = field(default_factory=list)

    def zone(self, name: str) -> None:
        """A zone was written; called from the thread that did."""
        self.zones[name] = None

    @property
    def nothing(self) -> bool:
        return not self.keys and not self.zones and not any(self.hosts.values())

    def told(self) -> str:
        """One line for an operator whose run ended early."""
        parts = [f"new keys for {listed(self.keys)}"] if self.keys else []
        parts += [f"DNS of {listed(tuple(self.zones))}"] if self.zones else []
        parts += [f"host {host}: {', '.join(steps)}" for host, steps in self.hosts.items() if steps]
        return "; ".join(parts) or "nothing"

    def to_json(self) -> dict[str, Any]:
        proven = [{"host": it.host, "domain": it.domain, "selector": it.selector} for it in self.proven]
        return {
            "keys": self.keys,
            "zones": list(self.zones),
            "hosts": self.hosts,
            "proven": proven,
            "changed": not self.nothing,
        }


def exclusively(project: Project) -> AbstractContextManager[None]:
    """Hold the project from plan to apply: ledger and keyring must not change under them. LockedError names who has it."""
    return project_lock(project.base)


def make_plan(project: Project, phase: Phase, terms: Terms) -> FleetPlan:
    """What an apply would change; reads hosts and zones, changes nothing."""
    names = [domain.name for domain in project.fleet.domains]
    keyring = material.keyring_of(project)
    new = tuple(
        NewKey(name, planned_selector(project, name), project.fleet.keys.bits) for name in keyring.missing(names)
    )
    phase("reading DNS")
    unled = waiting(project)
    found = dns_plan(project, terms, phase)
    phase("reading hosts")
    noted = replace(found, notes=(*found.notes, *unled.values()))
    return FleetPlan(new, noted, tuple(runner.plan(project, unled)))


@contextmanager
def _interruptible(landed: Landed) -> Iterator[None]:
    """Whatever ends an apply early, the operator reads what had landed by then."""
    try:
        yield
    except KeyboardInterrupt:
        msg = f"interrupted; landed so far: {landed.told()}; the next apply completes it"
        raise DeployError(msg) from None
    except PostwrightError as error:
        if landed.nothing:
            raise
        error.add_note(f"landed before: {landed.told()}")
        raise


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
    unproven = project.base / ".postwright" / "unproven"
    if not expected.is_empty:
        unproven.touch()
    with _interruptible(landed):
        fresh = _make_keys(project, phase, landed)
        plan = publish(project, expected, phase, landed.zone, terms)
        await_caches(project, plan, phase, settle=terms.settle)
        _confirm_keys(project)
        phase("hosts")
        runner.apply(project, lambda line: _note(landed, line, step))
        if unproven.exists() or not landed.nothing:
            phase("proving that every host signs")
            landed.proven = prove_signing(project, _key_in_dns(project), tuple(fresh))
            unproven.unlink(missing_ok=True)
        retract(project, plan, phase, landed.zone)
    return landed


def _note(landed: Landed, line: dict[str, Any], step: Callable[[str, str], None]) -> None:
    title = line["step"].removeprefix("mail host | ")
    if line["event"] == "step":
        step(line["host"], title)
    elif line["event"] == "changed":
        landed.hosts.setdefault(line["host"], []).append(title)


def _make_keys(project: Project, phase: Phase, landed: Landed) -> list[str]:
    """Domains without a key get one; returns the domains whose key no host signs with yet."""
    keyring = material.keyring_of(project)
    names = [domain.name for domain in project.fleet.domains]
    missing = keyring.missing(names)
    if missing:
        phase(f"making {len(missing)} DKIM key{'s' if len(missing) > 1 else ''}")
        keyring.generate(missing, project.fleet.keys.bits, material.passphrase_of(project), datetime.now(UTC).date())
        landed.keys += missing
    return [name for name in names if keyring.signing_key(name) is None]


def _confirm_keys(project: Project) -> None:
    """Every published key has been seen by now, and hosts may sign with it; not where the owner's CNAME is missing."""
    unled = waiting(project)
    for domain in project.fleet.domains:
        if domain.name not in unled:
            material.keyring_of(project).activate(domain.name)


def _key_in_dns(project: Project) -> Callable[[str], bytes | None]:
    """Asks an authoritative server for the TXT of a name, as a verifier would get it."""
    return lambda name: joined_text(project, name)


def joined_text(project: Project, name: str) -> bytes | None:
    """The one TXT at a name with its strings joined (RFC 6376 §3.6.2.2), or None if there is not exactly one."""
    home = delegation.home(project.fleet, name)
    servers, notes = nameservers.authoritative(project.fleet, zone_for(project.fleet, home))
    if not servers:
        raise nameservers.NoAnswerError("; ".join(notes))
    values = nameservers.ask(servers[0], home, "TXT")
    return txt_octets(values[0]) if len(values) == 1 else None
