"""What an inventory wants of the keys of each domain. Pure."""

from __future__ import annotations

from postwright.keys.signing import Wants
from postwright.model import Fleet
from postwright.values import duration

GONE = Wants(())  # of a domain that is no longer in the inventory


def wants_of(fleet: Fleet) -> dict[str, Wants]:
    """What is wanted of each domain's keys."""
    keys = fleet.keys
    return {
        domain.name: Wants(
            hosts=tuple(host.name for host in fleet.hosts_of(domain)),
            per_host=keys.per_host,
            algorithms=keys.algorithms,
            bits=keys.bits,
            rotate_every=duration(keys.rotate_every) if keys.rotate_every else None,
            retire=duration(fleet.policies.queue_lifetime) + duration(keys.retire_margin),
            keep_revoked=duration(keys.keep_revoked),
        )
        for domain in fleet.domains
    }
