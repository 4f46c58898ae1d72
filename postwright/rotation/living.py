"""The keys of a project as the keyring has them, and what each host is to have of them."""

from __future__ import annotations

from collections.abc import Mapping

from postwright import clock, material
from postwright.dns import ledger
from postwright.inventory import Project
from postwright.keys.key import VALID, Keys
from postwright.keys.signing import Held, held
from postwright.model import Fleet, Host
from postwright.rotation.periods import wants_of


def living(project: Project) -> dict[str, Keys]:
    """The keys of every domain of the fleet, and of those taken out of it whose records we still have in a zone.

    Mail they signed may still be under way, so their keys are seen to their end. The ledger says whose they are: another
    inventory may have its keys in the same keyring.
    """
    keyring = material.keyring_of(project)
    names = dict.fromkeys(domain.name for domain in project.fleet.domains)
    others = keyring.read(name for name in keyring.domains() if name not in names)
    alive = {name: keys for name, keys in others.items() if any(key.state in (*VALID, "revoked") for key in keys)}
    written = _written(project) if alive else set()
    left = {name: keys for name, keys in alive.items() if any(key.name(name) in written for key in keys)}
    return {**keyring.read(names), **left}


def _written(project: Project) -> set[str]:
    """The names at which we have a TXT record in a zone of the fleet."""
    folder = project.path(project.fleet.ledger)
    records = (record for zone in project.fleet.zones for record in ledger.read(folder, zone.name))
    return {record.name for record in records if record.type == "TXT"}


def holdings(fleet: Fleet, host: Host, keys: Mapping[str, Keys]) -> tuple[Held, ...]:
    """The keys a host is to have now: those it signs with, and those it signed with until lately."""
    wants = wants_of(fleet)
    now = clock.now()
    names = [domain.name for domain in fleet.domains_of(host)]
    return tuple(it for name in names for it in held(name, keys.get(name, ()), host.name, wants[name], now))
