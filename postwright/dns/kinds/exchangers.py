"""Who takes a domain's mail: MX, or a null MX that says nobody does (RFC 7505). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from postwright.dns.record import Record, made
from postwright.model import Domain, Fleet, Host

NULL_MX = "0 ."  # RFC 7505 §3
_PREFERENCE = 10


def records(fleet: Fleet) -> Iterator[Record]:
    """The MX records of domains, but for those whose MX is left to others. A domain's return path is in ``delegation``."""
    for domain in fleet.domains:
        if domain.mx == "null":
            yield made(fleet, domain.name, "MX", NULL_MX, shared=True)
        elif domain.mx == "hosts":
            yield from to_hosts(fleet, domain.name, domain)


def to_hosts(fleet: Fleet, name: str, domain: Domain) -> Iterator[Record]:
    """MX records that lead a name's mail to the domain's hosts."""
    for host in takers(fleet, domain):
        yield made(fleet, name, "MX", f"{_PREFERENCE} {host.fqdn}.", shared=True)


def takers(fleet: Fleet, domain: Domain) -> tuple[Host, ...]:
    """The hosts of a domain that take mail in."""
    return tuple(host for host in fleet.hosts_of(domain) if "mx" in host.roles)
