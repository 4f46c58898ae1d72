"""Addresses and names of hosts that confirm each other: A, AAAA and PTR from one pair (RFC 1912 §2.1). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from postwright.dns.record import Record, made
from postwright.model import Address, Fleet


def records(fleet: Fleet) -> Iterator[Record]:
    """An address record for each pair of address and HELO name, and its PTR where the fleet holds the reverse zone."""
    for address in addresses(fleet):
        yield made(fleet, address.helo, "A" if address.ip.version == 4 else "AAAA", str(address.ip))  # noqa: PLR2004 - IPv4
        if fleet.zone_of(address.ip.reverse_pointer):
            yield made(fleet, address.ip.reverse_pointer, "PTR", f"{address.helo}.")


def unmanaged_pointers(fleet: Fleet) -> tuple[Address, ...]:
    """The addresses whose PTR somebody else must set (to ``helo``): their reverse zone is not in the inventory."""
    return tuple(address for address in addresses(fleet) if fleet.zone_of(address.ip.reverse_pointer) is None)


def addresses(fleet: Fleet) -> tuple[Address, ...]:
    """The addresses of all hosts, in inventory order."""
    return tuple(address for host in fleet.hosts for address in host.addresses)
