"""What no single part of a fleet can know alone: clashes and dangling names between its parts.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem. It is given
parts that are valid by themselves, so that a typo elsewhere in the inventory does not hide a clash here; and it is
skipped where a part it looks names up in is incomplete, so that one typo is not reported a thousand times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator

from postwright import (
    consistency_acme,
    consistency_dns,
    consistency_firewall,
    consistency_hardening,
    consistency_keys,
    consistency_mailboxes,
    consistency_management,
    consistency_pacing,
    consistency_streams,
    consistency_transport,
    consistency_users,
)
from postwright.model import Address, Fleet

Check = Callable[[Fleet], Iterator[str]]


def problems(fleet: Fleet, incomplete: Collection[str] = ()) -> Iterator[str]:
    """All cross-checks of a fleet but those that need one of the ``incomplete`` fields."""
    for check, needed in _CHECKS.items():
        if not needed & set(incomplete):
            yield from check(fleet)


def _places(fleet: Fleet) -> Iterator[tuple[str, Address]]:
    """Every address with the key path it stands at."""
    for host in fleet.hosts:
        for position, address in enumerate(host.addresses):
            yield f"host {host.name}: mail_host.addresses[{position}]", address


def _repeated_addresses(fleet: Fleet) -> Iterator[str]:
    first: dict[object, str] = {}
    for place, address in _places(fleet):
        if first.setdefault(address.ip, place) != place:
            yield f"{place}: {address.ip} is used already by {first[address.ip]}; an address belongs to one host, once"


def _repeated_helo_names(fleet: Fleet) -> Iterator[str]:
    owners: dict[str, str] = {}
    for host in fleet.hosts:
        for name in dict.fromkeys(address.helo for address in host.addresses):
            if owners.setdefault(name, host.name) != host.name:
                yield f"host {host.name}: mail_host.addresses: {name} is the HELO name of host {owners[name]} too; name hosts apart"


def _repeated_names(fleet: Fleet) -> Iterator[str]:
    yield from _repeated("mail_fleet.domains", (domain.name for domain in fleet.domains))
    yield from _repeated("mail_fleet.zones", (zone.name for zone in fleet.zones))
    yield from _repeated("mail_fleet.parked", fleet.parked)
    authorities = fleet.certificate_authorities or ()  # None where what was written is no list
    yield from _repeated("mail_fleet.certificate_authorities", authorities)


def _repeated(place: str, names: Iterable[Hashable]) -> Iterator[str]:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{place}: {name} stands there more than once; keep one entry"


def _unmanaged_helo(fleet: Fleet) -> Iterator[str]:
    for place, address in _places(fleet):
        if fleet.zone_of(address.helo) is None:
            yield (
                f"{place}.helo: {address.helo} lies in no zone of mail_fleet.zones; add its zone, or choose a name "
                "under one that is there"
            )


def _zones_without_provider(fleet: Fleet) -> Iterator[str]:
    for position, zone in enumerate(fleet.zones):
        if zone.provider not in fleet.providers:
            known = ", ".join(sorted(fleet.providers)) or "none"
            yield (
                f"mail_fleet.zones[{position}].provider: no provider {zone.provider!r} (there is: {known}); "
                "add it to mail_fleet.providers"
            )


def _domains_without_zone(fleet: Fleet) -> Iterator[str]:
    for place, domain in consistency_dns.domains(fleet):
        if fleet.zone_of(domain.name) is None and domain.delegated is None:
            yield (
                f"{place}: lies in no zone of mail_fleet.zones, so nobody would "
                "publish its records; add its zone and a provider"
            )


def _domains_without_hosts(fleet: Fleet) -> Iterator[str]:
    names = {host.name for host in fleet.hosts}
    known = ", ".join(sorted(names)) or "none"
    for place, domain in consistency_dns.domains(fleet):
        for name in domain.hosts or ():
            if name not in names:
                yield f"{place}.hosts: no host {name!r} with mail_host data (there is: {known}); mend the name"
        hosts = fleet.hosts_of(domain)
        if not hosts:
            yield f"{place}.hosts: no host sends for it; name one, or remove the domain"
        elif domain.mx == "hosts" and not any("mx" in host.roles for host in hosts):
            yield f'{place}.mx: "hosts", but none of its hosts has the role mx; give one the role, or say "keep" or "null"'


def _probe(fleet: Fleet) -> Iterator[str]:
    if fleet.probe is None:
        return
    login = next((login for login in fleet.logins if login.login == fleet.probe.login), None)
    if login is None:
        yield f"mail_fleet.probe.login: no {fleet.probe.login!r} in mail_fleet.logins; add it there"
    elif not {fleet.probe.sender, "@" + fleet.probe.sender.partition("@")[2]} & set(login.senders):
        yield (
            f"mail_fleet.probe.sender: {login.login} may not send as {fleet.probe.sender}; add it to that login's senders"
        )


# Each with the fields it cannot do without.
_CHECKS: dict[Check, set[str]] = {
    _repeated_addresses: set(),
    _repeated_helo_names: set(),
    _repeated_names: set(),
    _unmanaged_helo: {"zones"},
    _zones_without_provider: {"providers"},
    _domains_without_zone: {"zones"},
    _domains_without_hosts: {"hosts"},
    _probe: {"logins", "probe"},
    **consistency_acme.CHECKS,
    **consistency_dns.CHECKS,
    **consistency_firewall.CHECKS,
    **consistency_keys.CHECKS,
    **consistency_mailboxes.CHECKS,
    **consistency_management.CHECKS,
    **consistency_pacing.CHECKS,
    **consistency_users.CHECKS,
    **consistency_hardening.CHECKS,
    **consistency_transport.CHECKS,
    **consistency_streams.CHECKS,
}
