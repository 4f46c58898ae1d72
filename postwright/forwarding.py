"""What leading mail on to other providers costs: it leaves under our own name, whatever its From header says. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from postwright.mailboxes import domain_of, end_of, taken
from postwright.model import Domain, Fleet, Host


def notes(fleet: Fleet) -> Iterator[str]:
    """Domains in whose name a stranger's mail passes DMARC once an alias has led it on (RFC 7489 §3.1.2, relaxed alignment)."""
    for host in fleet.hosts:
        names = [it.name for it in fleet.domains if _judged(it) and _aligned(fleet, host, it)]
        if names and _leads_away(fleet, host):
            yield (
                f"host {host.name}: what aliases lead away is sent on as forwarded@{host.fqdn}, so forged mail from "
                f'{", ".join(names)} passes DMARC there by SPF; say "strict": True in dmarc, or keep such mail in a mailbox'
            )


def _judged(domain: Domain) -> bool:
    return domain.dmarc is not None and domain.dmarc.policy != "none" and not domain.dmarc.strict


def _aligned(fleet: Fleet, host: Host, domain: Domain) -> bool:
    """Whether the host's name is of the same organisation, as far as zones tell."""
    zone = fleet.zone_of(host.fqdn)
    return host.fqdn.endswith(f".{domain.name}") or (zone is not None and zone == fleet.zone_of(domain.name))


def _leads_away(fleet: Fleet, host: Host) -> bool:
    """Whether mail of strangers is led on from this host to an address that is not ours."""
    if "mx" not in host.roles:
        return False
    own = (it for it in fleet.domains_of(host) if it.mx == "hosts")
    ends = {end_of(fleet, target) for domain in own for target in taken(fleet, domain).values()}
    return any(end and end not in fleet.mailboxes and domain_of(fleet, end) is None for end in ends)
