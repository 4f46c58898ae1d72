"""Which key a host signs with, and which keys lie there. Pure.

A key that could be chosen by more than one rule is the one confirmed last, so going back is confirming the old one anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product

from postwright.keys.key import SIGNING, Algorithm, Key, Keys

KEPT = timedelta(days=1)  # a retired key lies on hosts, for sessions that began before, and for a way back


@dataclass(frozen=True)
class Wants:
    """What the inventory wants of a domain's keys; ``hosts`` are those that sign for it, none once it is taken out."""

    hosts: tuple[str, ...]
    per_host: bool = False
    algorithms: tuple[Algorithm, ...] = ("rsa",)
    bits: int = 2048
    rotate_every: timedelta | None = None
    retire: timedelta = timedelta(days=7)
    keep_revoked: timedelta = timedelta(days=30)

    def holder(self, host: str) -> str | None:
        """Whose keys a host signs with: its own, or those of all."""
        return host if self.per_host else None

    @property
    def sets(self) -> Iterator[tuple[str | None, Algorithm]]:
        """The key sets: each has one key that signs, and is rotated by itself."""
        holders = dict.fromkeys(map(self.holder, self.hosts))
        return product(holders, self.algorithms)


def signing(keys: Keys, host: str, algorithm: Algorithm, wants: Wants) -> Key | None:
    """The key a host signs with: of its set the one confirmed last; else one left from another set, at best a proven one."""
    fit = [key for key in keys if key.algorithm == algorithm and key.state in SIGNING and key.host in (None, host)]
    own = [key for key in fit if key.host == wants.holder(host)]
    proven = [key for key in fit if key.state == "active"]
    return newest(own) or newest(proven) or newest(fit)


def newest(keys: list[Key]) -> Key | None:
    """Of several the one confirmed last, of two the later one in the list; a compromised one only if there is no other."""
    ranked = sorted(keys, key=lambda key: (not key.compromised, key.history["confirmed"]))
    return ranked[-1] if ranked else None


def in_use(keys: Keys, wants: Wants) -> set[str]:
    """The selectors hosts sign with."""
    found = (signing(keys, host, algorithm, wants) for host, algorithm in product(wants.hosts, wants.algorithms))
    return {key.selector for key in found if key}


@dataclass(frozen=True, order=True)
class Held:
    """A key that lies on a host; ``signs``: it is in the signer's table, else it is there to be gone back to."""

    domain: str
    selector: str
    algorithm: Algorithm
    signs: bool


def held(domain: str, keys: Keys, host: str, wants: Wants, now: datetime) -> Iterator[Held]:
    """The keys a host has of a domain: what it signs with, and for a day what it signed with before.

    A session that was open at the switch goes on signing with the key before as long as that lies there; without it, the
    client is told to try again. So a day later nothing more can be signed with it, and it does not come back if the clock does.
    """
    signs = {key.selector for algorithm in wants.algorithms if (key := signing(keys, host, algorithm, wants))}
    for key in keys:
        fresh = key.state == "active" or (key.state == "retiring" and key.off_hosts is None and now - key.since < KEPT)
        kept = fresh and key.here and not key.compromised and key.host in (None, host)
        if key.selector in signs or (kept and key.algorithm in wants.algorithms):
            yield Held(domain, key.selector, key.algorithm, key.selector in signs)


def taken_off(keys: Keys, wants: Wants, now: datetime) -> Keys:
    """Every host has just been brought to what ``held`` says: of the retiring keys the others can sign nothing more."""
    there = {it.selector for host in wants.hosts for it in held("", keys, host, wants, now)}
    return tuple(
        replace(key, off_hosts=now)
        if key.state == "retiring" and key.off_hosts is None and key.selector not in there
        else key
        for key in keys
    )
