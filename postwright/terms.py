"""What the operator allows and asks for, beyond what the inventory says. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

Pairs = frozenset[tuple[str, str]]  # keys, as (domain, selector)


@dataclass(frozen=True)
class Terms:
    """What the operator allows.

    ``adopt``: replace values of others where only ours may stand, and what others have configured hosts with. ``consolidate``:
    join several SPF records into one. ``force``: carry out an unsafe plan. ``settle``: before hosts, wait until caches have
    let go of earlier answers.
    ``rotate``: domains that get a new key now. ``back``: domains that sign with the key before again. ``compromised``:
    keys, as (domain, selector), that somebody else may have. ``revoke``: retiring keys that need not wait any longer.
    ``canary``: the host that comes first. ``drain``: a host that is to take no mail in from now on; ``undrain``: one that
    is to take it in again.
    """

    adopt: bool = False
    consolidate: bool = False
    force: bool = False
    settle: bool = False
    rotate: Collection[str] = ()
    back: Collection[str] = ()
    compromised: Pairs = frozenset()
    revoke: Pairs = frozenset()
    canary: str | None = None
    drain: str | None = None
    undrain: str | None = None

    @property
    def of_hosts(self) -> OfHosts:
        """What the hosts' side is to know of it."""
        return OfHosts(self.adopt, self.drain, self.undrain)


@dataclass(frozen=True)
class OfHosts:
    """The part of the terms that decides what a host is to have; see ``Terms``."""

    adopt: bool = False
    drain: str | None = None
    undrain: str | None = None

    def drained(self, host: str, *, now: bool) -> bool:
        """Whether a host is to be drained that is, or is not, ``now``."""
        return (now or host == self.drain) and host != self.undrain


def selectors_of(domain: str, pairs: Pairs) -> frozenset[str]:
    """Those of the pairs that are of this domain."""
    return frozenset(selector for name, selector in pairs if name == domain)
