"""What no single part of a fleet can know alone: clashes and dangling names between its parts.

Pure. Every function yields ``key path: what is wrong; what to do`` and never stops at the first problem. It is given
parts that are valid by themselves, so that a typo elsewhere in the inventory does not hide a clash here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator

from postwright.model import Domain, Fleet


def problems(fleet: Fleet) -> Iterator[str]:
    """All cross-checks of a fleet."""
    yield from _repeated_addresses(fleet)
    yield from _repeated_names(fleet)
    yield from _unmanaged_helo(fleet)
    yield from _zones_without_provider(fleet)
    for position, domain in enumerate(fleet.domains):
        yield from _domain(fleet, domain, f"mail_fleet.domains[{position}] ({domain.name})")
    yield from _foreign_senders(fleet)
    yield from _probe(fleet)


def _repeated(values: Iterable[Hashable]) -> list[Hashable]:
    return [value for value, count in Counter(values).items() if count > 1]


def _repeated_addresses(fleet: Fleet) -> Iterator[str]:
    holders: dict[object, list[str]] = {}
    for host in fleet.hosts:
        for position, address in enumerate(host.addresses):
            holders.setdefault(address.ip, []).append(f"host {host.name}: mail_host.addresses[{position}]")
    for ip, places in holders.items():
        if len(places) > 1:
            yield f"{places[1]}: {ip} is used already by {places[0]}; an address belongs to one host, once"


def _repeated_names(fleet: Fleet) -> Iterator[str]:
    for name in _repeated(domain.name for domain in fleet.domains):
        yield f"mail_fleet.domains: {name} stands there more than once; keep one entry"
    for name in _repeated(zone.name for zone in fleet.zones):
        yield f"mail_fleet.zones: {name} stands there more than once; keep one entry"
    for name in _repeated(login.login for login in fleet.logins):
        yield f"mail_fleet.logins: {name} stands there more than once; keep one entry"
    owners: dict[str, str] = {}
    for host in fleet.hosts:
        for address in host.addresses:
            owner = owners.setdefault(address.helo, host.name)
            if owner != host.name:
                yield f"host {host.name}: mail_host.addresses: {address.helo} is the HELO name of host {owner} too; name hosts apart"


def _unmanaged_helo(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        for position, address in enumerate(host.addresses):
            if fleet.zone_of(address.helo) is None:
                yield (
                    f"host {host.name}: mail_host.addresses[{position}].helo: {address.helo} lies in no zone of "
                    "mail_fleet.zones; add its zone, or choose a name under one that is there"
                )


def _zones_without_provider(fleet: Fleet) -> Iterator[str]:
    for position, zone in enumerate(fleet.zones):
        if zone.provider not in fleet.providers:
            known = ", ".join(sorted(fleet.providers)) or "none"
            yield f"mail_fleet.zones[{position}].provider: no provider {zone.provider!r} (there is: {known}); add it to mail_fleet.providers"


def _domain(fleet: Fleet, domain: Domain, place: str) -> Iterator[str]:
    if fleet.zone_of(domain.name) is None:
        yield f"{place}: lies in no zone of mail_fleet.zones, so nobody would publish its records; add its zone and a provider"
    names = {host.name for host in fleet.hosts}
    for name in domain.hosts or ():
        if name not in names:
            yield f"{place}.hosts: no host {name!r} with mail_host data; hosts are {', '.join(sorted(names)) or 'none'}"
    hosts = fleet.hosts_of(domain)
    if not hosts:
        yield f"{place}.hosts: no host sends for it; name one, or remove the domain"
    if domain.mx == "hosts" and hosts and not any("mx" in host.roles for host in hosts):
        yield f'{place}.mx: "hosts", but none of its hosts has the role mx; give one the role, or say "keep" or "null"'


def _foreign_senders(fleet: Fleet) -> Iterator[str]:
    ours = {domain.name for domain in fleet.domains}
    for position, login in enumerate(fleet.logins):
        for sender in login.senders:
            if sender.partition("@")[2] not in ours:
                yield f"mail_fleet.logins[{position}].senders: {sender} is of no domain in mail_fleet.domains; its mail would go unsigned"


def _probe(fleet: Fleet) -> Iterator[str]:
    if fleet.probe is None:
        return
    login = next((login for login in fleet.logins if login.login == fleet.probe.login), None)
    if login is None:
        yield f"mail_fleet.probe.login: no {fleet.probe.login!r} in mail_fleet.logins; add it there"
    elif not {fleet.probe.sender, "@" + fleet.probe.sender.partition("@")[2]} & set(login.senders):
        yield f"mail_fleet.probe.sender: {login.login} may not send as {fleet.probe.sender}; add it to that login's senders"
