"""Keys that a plan takes out of DNS while mail signed with them may be under way. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postwright import material
from postwright.dns.kinds import delegation
from postwright.dns.plan import DnsPlan
from postwright.inventory import Project
from postwright.keys.key import SIGNING, Keys, record_name

_NEEDED = (*SIGNING, "retiring")


def lost_keys(project: Project, plan: DnsPlan, then: Mapping[str, Keys]) -> Iterator[str]:
    """Why a plan is unsafe, a line per record. ``then``: the keys of each domain after it.

    What a rotation itself does is no danger; a domain or a zone that is taken out of the inventory may be.
    """
    lost = [(change.name, p) for zone in plan.zones for change in zone.net for p in change.lost_keys]
    if not lost:
        return
    keyring, homes = material.keyring_of(project), delegation.homes(project.fleet)
    known = {**keyring.read(name for name in keyring.domains() if name not in then), **then}
    needed = {
        (homes.get(record_name(key.selector, domain), key.name(domain)), key.p.encode()): key
        for domain, keys in known.items()
        for key in keys
        if key.state in _NEEDED and not key.compromised
    }
    for where in lost:
        if where in needed:
            yield (
                f"{where[0]}: the key there is {needed[where].state}, and mail signed with it would fail; put its domain back "
                "into the inventory"
            )
