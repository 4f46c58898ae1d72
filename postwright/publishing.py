"""The DNS half of an apply: plan, publish what is to be added, and wait until the world can see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path

from postwright import artefact, material
from postwright.dns import caches, nameservers, propagation
from postwright.dns import publish as service
from postwright.dns.kinds import delegation, tlsa
from postwright.dns.plan import DnsPlan
from postwright.dns.providers import ZoneMoved
from postwright.dns.records import Record, zone_for
from postwright.errors import ProviderError, UnsafePlan
from postwright.inventory import Project
from postwright.keys.key import Keys, record_name
from postwright.keys.keyring import public_keys
from postwright.plan import FleetPlan
from postwright.rotation.living import living
from postwright.terms import Terms

SECONDS_TO_BE_SEEN = 120
_TRIES = 3  # plans made anew when somebody else writes to a zone at the same time

_NOTHING = DnsPlan(())

Phase = Callable[[str], None]


def dns_plan(
    project: Project,
    terms: Terms,
    phase: Phase = lambda _: None,
    keys: Mapping[str, Keys] | None = None,
    known: DnsPlan = _NOTHING,
) -> DnsPlan:
    """What an apply would change in DNS as it is now; ``keys``: those of each domain, if not as the keyring has them.

    ``known``: a plan of this run; a zone in which it had nothing to do is not read again.
    """
    return service.plan(
        project.fleet,
        public_keys(living(project) if keys is None else keys),
        project.base,
        ledger_of(project),
        tlsa=material.certificate_digests(project),
        adopt=terms.adopt,
        consolidate=terms.consolidate,
        known=known,
        looked=_counting(phase, len(project.fleet.zones)),
        told=phase,
    )


def _counting(phase: Phase, total: int) -> Callable[[str], None]:
    """Tells of every hundredth zone, for those who have many."""
    done = count(1)

    def looked(_zone: str) -> None:
        number = next(done)
        if number % 100 == 0:
            phase(f"reading DNS: {number} of {total} zones")

    return looked


def ledger_of(project: Project) -> Path:
    """The folder of what we wrote to DNS last."""
    return project.path(project.fleet.ledger)


def publish(
    project: Project,
    expected: FleetPlan,
    phase: Phase,
    written: Callable[[str], None],
    terms: Terms,
    about_to: Callable[[DnsPlan], None],
) -> DnsPlan:
    """Write what is to be added, and wait until every authoritative server shows it; returns the plan it was part of.

    ``about_to`` is called with the plan before anything of it is written. A zone that ``expected`` found as it should be is
    not read again, for nothing is written to it; where that is true of all, and of the hosts, and an apply was whole
    before, the servers have shown it then and are not asked either.

    Raises UnsafePlan if DNS moved so that more would be done than ``expected`` says, ProviderError with what is not seen.
    """
    phase("publishing DNS")
    for attempt in range(1, _TRIES + 1):
        plan = dns_plan(project, terms, phase, known=expected.dns)
        _require_real(plan)
        _require_agreed(plan, expected)
        FleetPlan((), plan, ()).require_safe(force=terms.force)
        about_to(plan)
        kept = _keep(project, plan, terms)
        landed: list[str] = []
        try:
            both = _both(landed.append, written)
            service.apply_additive(plan, project.fleet, project.base, ledger_of(project), both, phase)
            break
        except ZoneMoved:
            if kept and not landed:
                kept.unlink(missing_ok=True)  # nothing of it to undo
            if attempt == _TRIES:
                raise
    if not (plan.is_empty and expected.is_empty and _was_whole(project)):
        phase("waiting until every name server shows it")
        _await_servers(project, plan.due_before_hosts, phase, "hosts were not touched")
    return plan


def unproven(project: Project) -> Path:
    """The note that signing is unproven: from before an apply changes anything until every server and host was seen right."""
    return project.base / ".postwright" / "unproven"


def _was_whole(project: Project) -> bool:
    """Whether no apply was cut short, and no key waits to be seen."""
    pending = any(key.state in {"generated", "published"} for keys in living(project).values() for key in keys)
    return not pending and not unproven(project).exists()


def retract(project: Project, plan: DnsPlan, phase: Phase, written: Callable[[str], None]) -> None:
    """Take away what nobody needs any more and publish what must first be true, and wait until the world can see it."""
    if any(zone.subtractive for zone in plan.zones):
        phase("removing what DNS no longer needs")
        unproven(project).touch()
        service.apply_subtractive(plan, project.fleet, project.base, ledger_of(project), written, phase)
        late = {(change.name, change.type) for zone in plan.zones for change in zone.subtractive}
        records = [it for zone in plan.zones for it in zone.desired if (it.name, it.type) in late]
        _await_servers(project, records, phase, "all else is done")
        unproven(project).unlink(missing_ok=True)


def _await_servers(project: Project, records: Sequence[Record], phase: Phase, otherwise: str) -> None:
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            phase(text)

    seen = propagation.wait_until_seen(project.fleet, records, SECONDS_TO_BE_SEEN, tell)
    if seen.state != "ok":
        lines = "\n".join(f"  {problem}" for problem in seen.problems)
        raise ProviderError(
            f"not every name server shows the new records after {SECONDS_TO_BE_SEEN} s; {otherwise}\n{lines}"
        )


def _require_real(plan: DnsPlan) -> None:
    """A plan may foresee the digest of a key that is yet to be made; it is made by now, or nothing is written."""
    if any(record.rdata == tlsa.record(tlsa.FORESEEN) for zone in plan.zones for record in zone.desired):
        raise UnsafePlan(
            "a TLS key is missing in the keyring, so its TLSA record is not known; run `postwright apply` again"
        )


def _require_agreed(plan: DnsPlan, expected: FleetPlan) -> None:
    beyond = plan.beyond(expected.dns, new_keys=any(step.is_new for step in expected.keys))
    if beyond:
        lines = "\n".join(f"  {line}" for line in beyond)
        raise UnsafePlan(
            f"DNS moved since the plan you agreed to; this would now be done besides:\n{lines}\nplan again"
        )


def _both(*calls: Callable[[str], None]) -> Callable[[str], None]:
    def call(zone: str) -> None:
        for each in calls:
            each(zone)

    return call


def _keep(project: Project, plan: DnsPlan, terms: Terms) -> Path | None:
    """For undo: what is about to be written, with what was there; None if that is nothing."""
    zones = tuple(zone for zone in plan.zones if zone.net)
    if not zones:
        return None
    written = FleetPlan((), DnsPlan(zones), ())
    return artefact.keep(
        project.base,
        artefact.SavedPlan(str(project.inventory), artefact.now(), terms.adopt, terms.consolidate, written),
    )


def await_caches(project: Project, plan: DnsPlan, phase: Phase, *, settle: bool) -> None:
    """Hosts must not use a new certificate while senders may hold the old TLSA; all else is waited for on request."""
    seconds = caches.certificate_wait(plan)
    if settle:
        seconds = max(seconds, caches.stale_for(plan, lambda zone: _negative_ttl(project, zone)))
    if seconds:
        phase(f"waiting {seconds} s, until no cache holds an earlier answer")
        time.sleep(seconds)
    elif stale := caches.stale_for(plan, lambda _: 0):
        phase(f"caches elsewhere may hold earlier answers for up to {stale} s (--settle waits for that)")


def key_wait(project: Project, plan: DnsPlan) -> Callable[[str, str], timedelta]:
    """How long a cache may hold that a (domain, selector) has no key, or what was there before ``plan``."""
    known: dict[str, int] = {}
    before = {change.name: change.old_ttl or 0 for zone in plan.zones for change in zone.additive}

    homes = delegation.homes(project.fleet)

    def wait(domain: str, selector: str) -> timedelta:
        name = record_name(selector, domain)
        name = homes.get(name, name)
        zone = zone_for(project.fleet, name)
        if zone.name not in known:
            known[zone.name] = max(_negative_ttl(project, zone.name), zone.ttl)
        return timedelta(seconds=max(known[zone.name], before.get(name, 0)))

    return wait


def _negative_ttl(project: Project, name: str) -> int:
    zone = zone_for(project.fleet, name)
    try:
        return nameservers.negative_ttl(project.fleet, zone)
    except nameservers.NoAnswerError:
        return zone.ttl
