"""Takes back what an applied plan did to DNS, through the same checks as any plan. Hosts are not touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from postwright import artefact
from postwright.dns import publish
from postwright.dns.kinds import delegation
from postwright.dns.plan import DnsPlan
from postwright.inventory import Project
from postwright.keys.key import SIGNING
from postwright.publishing import ledger_of
from postwright.rotation.living import living


def make_undo(project: Project, file: Path) -> DnsPlan:
    """What would bring DNS back to what it was before that plan was applied."""
    saved = artefact.load(file)
    return publish.plan_undo(
        saved.plan.dns, project.fleet, project.base, ledger_of(project), signing=_signing_names(project)
    )


def undo(project: Project, plan: DnsPlan, written: Callable[[str], None]) -> tuple[str, ...]:
    """Carry it out and return the zones written. To be called ``exclusively``; raises as ``publish.apply_additive``."""
    return publish.apply_additive(plan, project.fleet, project.base, ledger_of(project), written)


def _signing_names(project: Project) -> frozenset[str]:
    """Where the keys are that mail under way is signed with, and where those names lead for delegated domains."""
    pairs = ((domain, key) for domain, keys in living(project).items() for key in keys)
    states = (*SIGNING, "retiring")
    names = {key.name(domain) for domain, key in pairs if key.state in states}
    led = {target for domain in project.fleet.domains for name, target in delegation.led(domain) if name in names}
    return frozenset(names | led)
