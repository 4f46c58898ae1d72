"""What a fleet wants in DNS: one ``Record`` per value.

Promise: pure and deterministic: the same fleet and keys give the same records in the same order. Whether a name lies in a
zone at all is the inventory's matter; here it is only insisted on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from postwright.dns import dkim, dmarc, spf
from postwright.dns.canonical import by_tree, canonical
from postwright.errors import InventoryError
from postwright.keys.public import PublicKey
from postwright.model import Address, Fleet, IPAddress, Zone

_MX_PREFERENCE = 10
_NULL_MX = "0 ."  # RFC 7505 §3


@dataclass(frozen=True)
class Record:
    """One value: name in lower case without final dot, TTL in seconds, rdata as canonical presentation text.

    ``shared``: others may have values of their own in the same RRset (an apex TXT, an MX); otherwise it is all ours.
    """

    name: str
    type: str
    ttl: int
    rdata: str
    shared: bool = False


def desired(fleet: Fleet, keys: Sequence[PublicKey]) -> tuple[Record, ...]:
    """Every record the fleet needs, with a DKIM record for each key; parents before children.

    PTR records only where the fleet holds the reverse zone, see ``unmanaged_pointers``. Raises InventoryError for a name
    that lies in no zone of the fleet.
    """
    found = {
        *_hosts(fleet),
        *_exchangers(fleet),
        *_spf(fleet),
        *(_record(fleet, key.name, "TXT", dkim.record(key)) for key in keys),
        *_dmarc(fleet),
    }
    return tuple(sorted(found, key=sort_key))


def sort_key(record: Record) -> tuple[tuple[str, ...], str, str]:
    """The order of records wherever they are listed."""
    return by_tree(record.name), record.type, record.rdata


def unmanaged_pointers(fleet: Fleet) -> tuple[Address, ...]:
    """The addresses whose PTR somebody else must set (to ``helo``): their reverse zone is not in the inventory."""
    return tuple(address for address in _addresses(fleet) if fleet.zone_of(_pointer(address.ip)) is None)


def released(fleet: Fleet) -> frozenset[tuple[str, str]]:
    """The (name, type) an inventory leaves to others with ``keep``: what we once wrote there stays, as theirs."""
    return frozenset((domain.name, "MX") for domain in fleet.domains if domain.mx == "keep")


def zone_for(fleet: Fleet, name: str) -> Zone:
    """The zone a name is published in; InventoryError if the fleet has none for it."""
    zone = fleet.zone_of(name)
    if zone is None:
        raise InventoryError("zones", [f"{name}: lies in no zone; add its zone, with the provider that publishes it"])
    return zone


def _record(fleet: Fleet, name: str, rdtype: str, rdata: str, *, shared: bool = False) -> Record:
    return Record(name, rdtype, zone_for(fleet, name).ttl, canonical(rdtype, rdata), shared)


def _addresses(fleet: Fleet) -> tuple[Address, ...]:
    return tuple(address for host in fleet.hosts for address in host.addresses)


def _pointer(ip: IPAddress) -> str:
    return ip.reverse_pointer


def _hosts(fleet: Fleet) -> Iterator[Record]:
    """Forward and reverse from one pair, so that HELO, A/AAAA and PTR confirm each other (RFC 1912 §2.1)."""
    for address in _addresses(fleet):
        yield _record(fleet, address.helo, "A" if address.ip.version == 4 else "AAAA", str(address.ip))  # noqa: PLR2004 - IPv4
        if fleet.zone_of(_pointer(address.ip)):
            yield _record(fleet, _pointer(address.ip), "PTR", f"{address.helo}.")


def _exchangers(fleet: Fleet) -> Iterator[Record]:
    for domain in fleet.domains:
        if domain.mx == "null":
            yield _record(fleet, domain.name, "MX", _NULL_MX, shared=True)
        elif domain.mx == "hosts":
            for host in fleet.hosts_of(domain):
                if "mx" in host.roles:
                    yield _record(fleet, domain.name, "MX", f"{_MX_PREFERENCE} {host.fqdn}.", shared=True)


def _spf(fleet: Fleet) -> Iterator[Record]:
    """One record per name: a name that is both domain and HELO name may not have two (RFC 7208 §4.5)."""
    senders: dict[str, list[IPAddress]] = {}
    ends = {domain.name: domain.spf_all for domain in fleet.domains}
    for domain in fleet.domains:
        hosts = fleet.hosts_of(domain)
        senders.setdefault(domain.name, []).extend(address.ip for host in hosts for address in host.addresses)
    for address in _addresses(fleet):
        senders.setdefault(address.helo, []).append(address.ip)
    for name, addresses in senders.items():
        yield _record(fleet, name, "TXT", spf.record(addresses, ends.get(name, "-all")), shared=True)


def _dmarc(fleet: Fleet) -> Iterator[Record]:
    for domain in fleet.domains:
        yield _record(fleet, dmarc.name(domain.name), "TXT", dmarc.record(domain.dmarc))
        for consent in dmarc.authorisations(fleet, domain):
            yield _record(fleet, consent, "TXT", dmarc.AUTHORISATION)
