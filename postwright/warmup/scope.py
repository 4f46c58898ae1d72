"""Which hosts, address and provider a command means. Promise: a name nobody knows is told before any host is asked."""

from __future__ import annotations

from dataclasses import dataclass

from postwright.errors import UsageError
from postwright.inventory import Project
from postwright.model import Fleet, Pacing
from postwright.values import address as parsed
from postwright.warmup.fleetwide import Chosen


@dataclass(frozen=True)
class Scope:
    """``hosts``: those to ask. ``address``, ``provider``: None is any."""

    hosts: tuple[str, ...]
    address: str | None = None
    provider: str | None = None

    @property
    def chosen(self) -> Chosen:
        return self.address, self.provider


def scope(project: Project, host: str | None, address: str | None, provider: str | None) -> Scope:
    """What is meant; UsageError if the inventory has no such thing, or nothing of it is paced."""
    fleet = project.fleet
    paced = [it.name for it in fleet.hosts if fleet.paces(it)]
    if not paced:
        hint = "give its addresses `warmup`, or the fleet `pacing`, see inventories/example.py and docs/warmup.md"
        raise UsageError(f"no host of {project.inventory} paces its mail; {hint}")
    if host is not None and host not in paced:
        raise UsageError(f"no host {host!r} that paces its mail in {project.inventory}; there are {', '.join(paced)}")
    names = [host] if host else paced
    found = address and _address(fleet, names, address)
    if provider is not None and provider not in providers(fleet):
        raise UsageError(f"no provider {provider!r}; mail is told apart by {', '.join(providers(fleet))}")
    holders = [name for name in names if not found or found in _addresses(fleet, name)]
    return Scope(tuple(holders), found, provider)


def providers(fleet: Fleet) -> list[str]:
    """The providers by which the hosts tell mail apart."""
    return [it.name for it in (fleet.pacing or Pacing()).providers_in_use]


def _address(fleet: Fleet, hosts: list[str], written: str) -> str:
    """The address in its normal form, in which agents know it."""
    known = [ip for host in hosts for ip in _addresses(fleet, host)]
    try:
        found = str(parsed(written))
    except ValueError as error:
        raise UsageError(f"--address: {error}") from None
    if found not in known:
        raise UsageError(f"no address {found} on {', '.join(hosts)}; there are {', '.join(known)}")
    return found


def _addresses(fleet: Fleet, host: str) -> list[str]:
    return [str(it.ip) for it in fleet.host(host).addresses]
