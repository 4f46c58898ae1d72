"""What each check runs on: which hosts, addresses, services and domains of a fleet an argument of that name stands for.

Pure. A check whose argument stands for nothing in this fleet is not run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from postwright.dns.kinds import dmarc, senders
from postwright.dns.kinds.exchangers import takers
from postwright.mailboxes import held_by, reports_to
from postwright.model import Domain, Fleet, Host
from postwright.policy_hosts import served
from postwright.services import (
    SERVICES,
    apparmor,
    audit,
    bans,
    fail2ban,
    kernel,
    limits,
    submission,
    upgrades,
    wireguard,
)
from postwright.services.parts import Context, HostSecrets
from postwright.services.sandbox import EXPOSURE

Case = tuple[Any, str]  # what the argument is, and how the check's name tells it apart


def context_of(fleet: Fleet, host: Host) -> Context:
    """What tells whether a service is wanted, which neither release nor secrets have a say in."""
    return Context(fleet, host, "13", HostSecrets())


_HOSTS: dict[str, Callable[[Fleet, Host], object]] = {
    "mail_host": lambda _fleet, _host: True,
    "mx_host": lambda _fleet, host: host.open_on_25,
    "submission_host": submission.wanted_on,
    "limited_host": limits.wanted_on,
    "box_host": held_by,
    "taking_host": held_by,
    "paced_host": lambda fleet, host: fleet.paces(host),
    "dane_host": lambda fleet, host: fleet.tlsa and "mx" in host.roles,
    "acme_host": lambda fleet, host: fleet.acme_of(host),
    "acme_mx_host": lambda fleet, host: fleet.acme_of(host) and host.open_on_25,
    "files_host": lambda fleet, host: host.tls_files and submission.wanted_on(fleet, host),
    "asking_host": lambda fleet, _host: fleet.outbound_tls.mta_sts,
    "egress_host": lambda fleet, _host: fleet.firewall.egress,
    "banning_host": lambda fleet, host: bans.wanted(context_of(fleet, host)),
    "managed_host": lambda fleet, host: wireguard.wanted(context_of(fleet, host)),
    "guarded_host": lambda fleet, host: fail2ban.wanted(context_of(fleet, host)),
    "ssh_host": lambda fleet, _host: fleet.hardening.ssh,
    "updated_host": lambda fleet, _host: fleet.hardening.upgrades,
    "tuned_host": lambda fleet, _host: fleet.hardening.sysctl,
    "journal_host": lambda fleet, _host: fleet.hardening.journal,
    "audited_host": lambda fleet, _host: fleet.hardening.audit,
    "armored_host": lambda fleet, _host: fleet.hardening.apparmor,
}

_DOMAINS: dict[str, Callable[[Fleet, Domain], object]] = {
    "domain": lambda _fleet, _domain: True,
    "sender": lambda _fleet, domain: senders.envelope_name(domain),
    "policy_owner": lambda _fleet, domain: dmarc.policy_name(domain),
    "reporting": dmarc.consents_of,
    "sts_domain": lambda _fleet, domain: domain.mta_sts,
    "tls_reporting": lambda _fleet, domain: domain.tls_reports,
    "rotated": lambda fleet, _domain: fleet.keys.rotate_every,
    "receiving": lambda fleet, domain: domain.mx == "hosts" and takers(fleet, domain),
    "reported": reports_to,
    "delegated": lambda _fleet, domain: domain.delegated,
}


def _addresses(_fleet: Fleet, host: Host) -> Iterator[Case]:
    yield from ((it, f"{it.ip}") for it in host.addresses)


def _certified(fleet: Fleet, host: Host) -> Iterator[Case]:
    """Addresses whose names say who may issue certificates for them."""
    yield from _addresses(fleet, host) if fleet.certificate_authorities else ()


def _policies(fleet: Fleet, host: Host) -> Iterator[Case]:
    yield from ((it, it.name) for it in served(fleet, host))


def _services(fleet: Fleet, host: Host) -> Iterator[Case]:
    """Those with a unit; what is Debian's own and only switched off here is nobody's business."""
    parts = (kernel.SERVICE, upgrades.SERVICE, apparmor.SERVICE, audit.SERVICE)
    units = (it for it in SERVICES if it.unit and (it not in parts or it.wanted(context_of(fleet, host))))
    yield from ((it, it.name) for it in units)


def _boxed(fleet: Fleet, host: Host) -> Iterator[Case]:
    """Services in a sandbox; that of the second signer is as that of the first."""
    if fleet.hardening.sandbox:
        yield from ((it, it.name) for it in SERVICES if it.name in EXPOSURE and it.wanted(context_of(fleet, host)))


def _foreign(fleet: Fleet, host: Host) -> Iterator[Case]:
    """A domain the host signs for, which the probe's login may not put into From."""
    login = next((it for it in fleet.logins if fleet.probe and it.login == fleet.probe.login), None)
    if login is None or "submission" not in host.roles or fleet.from_header == "any":
        return
    own = {sender.partition("@")[2] for sender in login.senders}
    foreign = [it.name for it in fleet.domains_of(host) if not it.delegated and it.name not in own]
    yield from ((name, "") for name in foreign[:1])


_OF_HOSTS: dict[str, Callable[[Fleet, Host], Iterable[Case]]] = {
    "address": _addresses,
    "certified": _certified,
    "policy_at": _policies,
    "service_of": _services,
    "boxed": _boxed,
    "foreign_from": _foreign,
}


def cases(fleet: Fleet, argument: str) -> list[Case] | None:
    """What a check with this argument runs on: hosts, pairs of host and something of it, or domains. None: it is no such argument."""
    if of_host := _OF_HOSTS.get(argument):
        found = ((host, *case) for host in fleet.hosts for case in of_host(fleet, host))
        return [((host, it), "-".join(filter(None, (host.name, name)))) for host, it, name in found]
    if of_fleet := _HOSTS.get(argument):
        return [(host, host.name) for host in fleet.hosts if of_fleet(fleet, host)]
    if of_domain := _DOMAINS.get(argument):
        return [(domain, domain.name) for domain in fleet.domains if of_domain(fleet, domain)]
    return None
