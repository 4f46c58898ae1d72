"""Who holds which mailbox, and where mail to an address of ours ends.

Pure. Postfix's tables, Dovecot's, the checks and the inventory's cross-checks all ask here, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator

from postwright.dns.kinds.exchangers import takers
from postwright.model import Domain, Fleet, Host, Mailbox

ROOT = "/var/mail/postwright"
IMAPS, POP3S = 993, 995
PORTS = (IMAPS, POP3S)


def domain_of(fleet: Fleet, address: str) -> Domain | None:
    """The domain of an address whose mail comes to these hosts, if it is one."""
    domain = fleet.domain(address.rpartition("@")[2])
    return domain if domain and domain.mx == "hosts" else None


def holder(fleet: Fleet, address: str) -> Host | None:
    """The host that holds the mailbox of this address; None if the inventory names none that could."""
    domain, mailbox = domain_of(fleet, address), fleet.mailboxes.get(address)
    if domain is None or mailbox is None:
        return None
    named = (host for host in takers(fleet, domain) if mailbox.host in (None, host.name))
    return next(named, None)


def held_by(fleet: Fleet, host: Host) -> dict[str, Mailbox]:
    """The mailboxes a host holds, by address."""
    return {it: mailbox for it, mailbox in fleet.mailboxes.items() if holder(fleet, it) == host}


def held_elsewhere(fleet: Fleet, host: Host) -> dict[str, Host]:
    """Mailbox → the other host that holds it."""
    holders = {it: holder(fleet, it) for it in fleet.mailboxes}
    return {it: other for it, other in holders.items() if other and other != host}


def folder(address: str) -> str:
    """Where a mailbox lies on its host; its Maildir is inside."""
    local, _, domain = address.partition("@")
    return f"{ROOT}/{domain}/{local}"


def bounces_to(fleet: Fleet) -> str:
    """Who gets what comes back to return paths."""
    return fleet.bounces or fleet.postmaster


def taken(fleet: Fleet, domain: Domain) -> dict[str, str]:
    """Local part → address, of all a domain takes mail for; ``*`` is the rest. postmaster and abuse are there always (RFC 2142)."""
    own = {it.partition("@")[0]: it for it in fleet.mailboxes_of(domain)}
    return {"postmaster": fleet.postmaster, "abuse": fleet.postmaster, **domain.aliases, **own}


def steps(fleet: Fleet, address: str) -> Iterator[str]:
    """Where mail to an address of ours is led, one alias after the other; ends at a mailbox, a stranger's address, or nowhere.

    An address that comes twice is a loop, and the last one given.
    """
    seen = {address}
    while address not in fleet.mailboxes and (domain := domain_of(fleet, address)):
        table, local = taken(fleet, domain), address.partition("@")[0].lower()
        target = table.get(local) or table.get(local.partition("+")[0]) or table.get("*")
        if target is None:
            return
        yield target
        if target in seen:
            return
        seen.add(target)
        address = target


def end_of(fleet: Fleet, address: str) -> str | None:
    """Where mail to an address ends: a mailbox, or an address that is not ours; None if nobody takes it or it goes in circles."""
    seen = [address, *steps(fleet, address)]
    last = seen[-1]
    ours = domain_of(fleet, last) is not None and last not in fleet.mailboxes
    return None if ours else last


def reports_to(fleet: Fleet, domain: Domain) -> list[str]:
    """The addresses at these hosts that DNS tells others to report to, for a domain (DMARC, TLS-RPT)."""
    wanted = (*domain.dmarc.aggregate_reports, *domain.dmarc.failure_reports, *domain.tls_reports)
    return [it for it in dict.fromkeys(wanted) if "@" in it and domain_of(fleet, it)]
