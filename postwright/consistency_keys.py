"""Keys that could not be rotated as the inventory says; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from postwright import values
from postwright.consistency_dns import domains
from postwright.keys.selectors import next_selector
from postwright.model import Fleet
from postwright.rotation.periods import wants_of

_ANY_DAY = date(2026, 11, 22)


def _fixed_selectors(fleet: Fleet) -> Iterator[str]:
    """A selector an owner leads to us is free again only when the key it had is deleted."""
    wanted = wants_of(fleet)
    for place, domain in domains(fleet):
        if domain.delegated is None:
            continue
        wants, there = wanted[domain.name], len(domain.delegated.selectors)
        sets = len(list(wants.sets))
        needed = sets if wants.rotate_every is None else 2 * sets
        if there < needed:
            why = "a key each for its hosts and algorithms" + (
                ", and as many for the next ones" if needed > sets else ""
            )
            yield f"{place}.delegated.selectors: names {there}, but {needed} are needed: {why}; add some and have their CNAMEs set"
        elif wants.rotate_every:
            busy = wants.rotate_every + wants.retire + wants.keep_revoked
            if (there // sets) * wants.rotate_every < busy:
                yield (
                    f"{place}.delegated.selectors: {there} are too few to rotate every {fleet.keys.rotate_every}: one is free "
                    f"again {(busy - wants.rotate_every).days} days after its key was replaced; add some, or rotate less often"
                )


def _selectors_of_hosts(fleet: Fleet) -> Iterator[str]:
    """The name of a host becomes part of its selectors."""
    if "{host}" not in fleet.keys.selector:
        return
    for host in fleet.hosts:
        name = next_selector(fleet.keys.selector, _ANY_DAY, (), host.name)
        try:
            values.label(name)
        except ValueError:
            yield f"mail_fleet.keys.selector: with host {host.name} it makes {name!r}, which is no DNS label; leave {{host}} out"


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _fixed_selectors: {"hosts", "keys", "policies"},
    _selectors_of_hosts: {"hosts", "keys"},
}
