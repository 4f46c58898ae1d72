"""Addresses of ours that nobody would take mail for, and mailboxes that could not be; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem. Mail that is accepted
and then cannot be delivered would be bounced to a sender who may be forged (RFC 3834 §4), so every alias must end somewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright.consistency_dns import domains
from postwright.dns.kinds.exchangers import takers
from postwright.mailboxes import domain_of, end_of, holder
from postwright.model import Fleet

_PLACE = "mail_fleet.mailboxes"


def _homeless(fleet: Fleet) -> Iterator[str]:
    for address, mailbox in fleet.mailboxes.items():
        name = address.partition("@")[2]
        domain = domain_of(fleet, address)
        hosts = ", ".join(host.name for host in takers(fleet, domain)) if domain else ""
        if domain is None:
            yield (
                f'{_PLACE}.{address}: {name} is no domain of mail_fleet.domains with "mx": "hosts", so no mail for it comes '
                "here; add the domain, or mend the address"
            )
        elif any(name in {it.helo for it in host.addresses} for host in fleet.hosts):
            yield f"{_PLACE}.{address}: {name} is the name of a host, which has no mailboxes; use a domain above it"
        elif holder(fleet, address) is None and hosts:
            yield (
                f"{_PLACE}.{address}.host: {mailbox.host!r} is no host of {name} with the role mx (there is: {hosts}); "
                "name one of these, or leave it out"
            )


def _also_aliases(fleet: Fleet) -> Iterator[str]:
    for place, domain in domains(fleet):
        for address in fleet.mailboxes_of(domain):
            local = address.partition("@")[0]
            if local in domain.aliases:
                yield f"{place}.aliases.{local}: {address} is a mailbox; take out one of the two"


def _led_nowhere(fleet: Fleet) -> Iterator[str]:
    """Mail that would be accepted, and then have no place to go."""
    wanted = [("mail_fleet.postmaster", fleet.postmaster)]
    if fleet.bounces:
        wanted.append(("mail_fleet.bounces", fleet.bounces))
    for place, domain in domains(fleet):
        if domain.mx == "hosts":
            wanted += [(f"{place}.aliases.{local}", target) for local, target in domain.aliases.items()]
    for place, address in wanted:
        if end_of(fleet, address) is None:
            yield f"{place}: {address} {_HERE}"


_HERE = (
    "lies behind these hosts, which would refuse its mail, for it is no mailbox and its aliases end nowhere; add it to "
    "mail_fleet.mailboxes, lead it on with an alias, or name an address elsewhere"
)

# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _homeless: {"mailboxes", "domains", "hosts"},
    _also_aliases: {"mailboxes", "domains"},
    _led_nowhere: {"mailboxes", "domains", "postmaster", "bounces"},
}
