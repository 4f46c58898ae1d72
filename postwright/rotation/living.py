"""The keys of a project as the keyring has them, and what each host is to have of them."""

from __future__ import annotations

from collections.abc import Mapping

from postwright import clock, material
from postwright.inventory import Project
from postwright.keys.key import VALID, Keys
from postwright.keys.keyring import Keyring
from postwright.keys.signing import Held, held
from postwright.model import Fleet, Host
from postwright.rotation.periods import wants_of


def living(project: Project) -> dict[str, Keys]:
    """The keys of every domain of the fleet, and of those taken out of it that still have any in a zone of ours.

    Mail they signed may still be under way, so their keys are seen to their end.
    """
    keyring = material.keyring_of(project)
    names = dict.fromkeys(domain.name for domain in project.fleet.domains)
    return {**keyring.read(names), **_left(project.fleet, keyring, names)}


def _left(fleet: Fleet, keyring: Keyring, names: Mapping[str, None]) -> dict[str, Keys]:
    others = keyring.read(name for name in keyring.domains() if name not in names and fleet.zone_of(name))
    return {name: keys for name, keys in others.items() if any(key.state in (*VALID, "revoked") for key in keys)}


def holdings(fleet: Fleet, host: Host, keys: Mapping[str, Keys]) -> tuple[Held, ...]:
    """The keys a host is to have now: those it signs with, and those it signed with until lately."""
    wants = wants_of(fleet)
    now = clock.now()
    names = [domain.name for domain in fleet.domains_of(host)]
    return tuple(it for name in names for it in held(name, keys.get(name, ()), host.name, wants[name], now))
