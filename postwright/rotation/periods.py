"""What an inventory wants of the keys of each domain. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from postwright.keys.signing import Wants
from postwright.model import Fleet
from postwright.values import duration


def wants_of(fleet: Fleet) -> dict[str, Wants]:
    """What is wanted of each domain's keys."""
    gone = _gone(fleet)
    return {
        domain.name: replace(gone, hosts=tuple(host.name for host in fleet.hosts_of(domain)))
        for domain in fleet.domains
    }


def wants_for(fleet: Fleet) -> Callable[[str], Wants]:
    """The same for any domain: one that is no longer in the inventory has no hosts, and its keys see their end."""
    known, gone = wants_of(fleet), _gone(fleet)
    return lambda domain: known.get(domain, gone)


def _gone(fleet: Fleet) -> Wants:
    keys = fleet.keys
    return Wants(
        hosts=(),
        per_host=keys.per_host,
        algorithms=keys.algorithms,
        bits=keys.bits,
        rotate_every=duration(keys.rotate_every) if keys.rotate_every else None,
        retire=duration(fleet.policies.queue_lifetime) + duration(keys.retire_margin),
        keep_revoked=duration(keys.keep_revoked),
    )
