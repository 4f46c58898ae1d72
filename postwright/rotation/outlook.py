"""What an apply would do to keys now: reads keyring, DNS of delegated names, and queues; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from postwright import clock, material
from postwright.dns import owners
from postwright.dns.kinds import delegation
from postwright.inventory import Project
from postwright.keys import lifecycle
from postwright.keys.key import PENDING, Algorithm, Keys
from postwright.keys.keyring import Keyring
from postwright.keys.lifecycle import Facts
from postwright.keys.selectors import next_fixed, next_selector
from postwright.keys.signing import Wants
from postwright.keys.steps import KeyStep, steps
from postwright.rotation.living import living
from postwright.rotation.periods import wants_for
from postwright.rotation.queues import queued
from postwright.terms import Pairs, Terms, selectors_of


@dataclass(frozen=True)
class Outlook:
    """The keys of each domain as they are and as they will be after an apply that goes well.

    ``unled``: delegated domain → why hosts may not sign with its next key yet. ``notes``: what else holds a key up.
    """

    now: Mapping[str, Keys]
    then: Mapping[str, Keys]
    unled: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def steps(self) -> tuple[KeyStep, ...]:
        return steps(self.now, self.then)


def outlook(project: Project, terms: Terms) -> Outlook:
    """Look ahead. Raises DeployError if a queue must be looked at and its host cannot be asked."""
    ahead = _Ahead.of(project, terms)
    over = ahead.over
    there = queued(project, over)
    drained = replace(ahead, drained=frozenset(over) - {(it.domain, it.selector) for it in there})
    unled = drained.unled()
    then = {domain: drained.keys(domain, led=domain not in unled) for domain in ahead.now}
    waits = (f"{it}; the key stays in DNS until they are gone" for it in there)
    return Outlook(ahead.now, then, unled, (*unled.values(), *waits, *ahead.names.missing))


def unled(project: Project, terms: Terms) -> dict[str, str]:
    """Delegated domains whose owner has not led us the selector they sign with, or will sign with next; each with why."""
    return _Ahead.of(project, terms).unled()


def foreseen(project: Project) -> dict[str, Keys]:
    """The keys after an apply that goes well, as far as the keyring alone can tell: nobody is asked."""
    ahead = _Ahead.of(project, Terms())
    return {domain: ahead.keys(domain, led=True) for domain in ahead.now}


@dataclass(frozen=True)
class _Ahead:
    """What is known before queues and owners were asked. ``drained``: (domain, selector) no queue holds mail of."""

    project: Project
    terms: Terms
    moment: datetime
    now: Mapping[str, Keys]
    wanted: Callable[[str], Wants]
    names: _Names
    drained: Pairs = frozenset()

    @classmethod
    def of(cls, project: Project, terms: Terms) -> _Ahead:
        clock.require_real(domain.name for domain in project.fleet.domains)
        moment = clock.now()
        return cls(project, terms, moment, living(project), wants_for(project.fleet), _Names(project, moment))

    @property
    def over(self) -> dict[tuple[str, str], datetime | None]:
        """Retiring keys whose time is over, each with the moment it was taken off the last host."""
        return {
            (domain, key.selector): key.off_hosts
            for domain, keys in self.now.items()
            for key in lifecycle.outlived(keys, self.wanted(domain), self.moment)
        }

    def keys(self, domain: str, *, led: bool) -> Keys:
        """Those of a domain after an apply that goes well."""
        facts = Facts(
            self.moment,
            led=led,
            drained=selectors_of(domain, self.drained),
            wait=timedelta(seconds=0 if self.terms.settle else 1),
            rotate=domain in self.terms.rotate,
            back=domain in self.terms.back,
            revoke=selectors_of(domain, self.terms.revoke),
        )
        marked = lifecycle.compromised(self.now[domain], selectors_of(domain, self.terms.compromised))
        return lifecycle.foresee(marked, self.wanted(domain), facts, partial(self.names.next, domain))

    def unled(self) -> dict[str, str]:
        delegated = [it.name for it in self.project.fleet.domains if it.delegated]
        keys = ((domain, key) for domain in delegated for key in self.keys(domain, led=False))
        used = [(domain, key.selector) for domain, key in keys if key.state in PENDING]
        return owners.waiting(self.project.fleet, used)


class _Names:
    """Names for new keys; remembers for which domain there was none."""

    def __init__(self, project: Project, now: datetime) -> None:
        self._project, self._now = project, now
        self._missing: dict[str, str] = {}

    @property
    def missing(self) -> Collection[str]:
        return self._missing.values()

    def next(self, domain: str, keys: Keys, host: str | None, _algorithm: Algorithm, urgent: bool) -> str | None:
        """The selector of the domain's next key."""
        fixed = delegation.selectors(self._project.fleet, domain)
        if not fixed:
            used = {key.selector for key in keys} | _files(material.keyring_of(self._project), domain)
            return next_selector(self._project.fleet.keys.selector, self._now.date(), used, host)
        found = next_fixed(fixed, keys, urgent=urgent)
        if found is None:
            self._missing[domain] = (
                f"{domain}: a new key is due, but every selector its owner leads to us ({', '.join(fixed)}) has a key in "
                "DNS; one comes free when its key is deleted, or add another to delegated.selectors and have its CNAME set"
            )
        return found


def _files(keyring: Keyring, domain: str) -> set[str]:
    """A crash may have left a file that the lifecycle does not know."""
    return {path.stem for path in (keyring.directory / domain).glob("*.pem")}
