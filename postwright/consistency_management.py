"""A management network that could not work as the inventory says; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright.model import Fleet, IPAddress

_PLACE = "mail_fleet.management"
_UDP = {53: "the resolver", 123: "the clock"}


def _addresses(fleet: Fleet) -> Iterator[tuple[str, IPAddress]]:
    """Every address of the network with the key path it stands at."""
    for host in fleet.hosts:
        if host.management:
            yield f"host {host.name}: mail_host.management", host.management
    for name, operator in fleet.management.operators.items() if fleet.management else ():
        yield f"{_PLACE}.operators.{name}.address", operator.address


def _misplaced(fleet: Fleet) -> Iterator[str]:
    first: dict[IPAddress, str] = {}
    for place, address in _addresses(fleet):
        if fleet.management and not _usable(fleet, address):
            yield f"{place}: {address} is no address of {_PLACE}.network ({fleet.management.network}); choose one of it"
        if first.setdefault(address, place) != place:
            yield f"{place}: {address} is used already by {first[address]}; choose another"


def _usable(fleet: Fleet, address: IPAddress) -> bool:
    """Neither end of a network is an address of its own, but where there is nothing between them."""
    network = fleet.management.network if fleet.management else None
    if network is None or address not in network:
        return False
    small = network.prefixlen >= network.max_prefixlen - 1
    return small or address not in (network.network_address, network.broadcast_address)


def _without_address(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        if fleet.management and host.management is None:
            yield f"host {host.name}: mail_host.management: missing; give it an address of {fleet.management.network}"
        if host.management and fleet.management is None:
            yield f"host {host.name}: mail_host.management: there is no {_PLACE}; add it, or take the address away"


def _shared_keys(fleet: Fleet) -> Iterator[str]:
    first: dict[str, str] = {}
    for name, operator in fleet.management.operators.items() if fleet.management else ():
        if first.setdefault(operator.public_key, name) != name:
            yield f"{_PLACE}.operators.{name}.public_key: is that of {first[operator.public_key]}; each machine has a key of its own"


def _overlapping(fleet: Fleet) -> Iterator[str]:
    """What lies in the network would be sent into the tunnel."""
    for host in fleet.hosts if fleet.management else ():
        for position, address in enumerate(host.addresses):
            if fleet.management and address.ip in fleet.management.network:
                yield f"{_PLACE}.network: {address.ip} of host {host.name} (addresses[{position}]) lies in it; choose a network of its own"


def _taken_port(fleet: Fleet) -> Iterator[str]:
    if fleet.management and fleet.management.port in _UDP:
        yield f"{_PLACE}.port: {fleet.management.port} is that of {_UDP[fleet.management.port]}; choose another"


def _open_beside(fleet: Fleet) -> Iterator[str]:
    if fleet.management is None or not fleet.management.only:
        return
    metrics = fleet.pacing.metrics if fleet.pacing else None
    inside = {*fleet.firewall.ssh_ports, *([metrics.port] if metrics else [])}
    for port in sorted(inside & set(fleet.firewall.extra_tcp)):
        yield f'mail_fleet.firewall.extra_tcp: opens {port} to everybody, against {_PLACE}.only; take it out, or say "only": False'


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _misplaced: {"management"},
    _without_address: {"management"},
    _shared_keys: {"management"},
    _overlapping: {"management"},
    _taken_port: {"management"},
    _open_beside: {"management", "firewall", "pacing"},
}
