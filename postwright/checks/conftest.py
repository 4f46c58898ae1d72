"""Fixtures of the checks: connections to hosts, and one run per host, address or domain."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
import testinfra.host

from postwright.checks import ssh
from postwright.checks.context import Told, told
from postwright.dns.kinds import dmarc, senders
from postwright.dns.kinds.exchangers import takers
from postwright.inventory import Project
from postwright.mailboxes import held_by, reports_to
from postwright.model import Domain, Fleet, Hardening, Host
from postwright.policy_hosts import served
from postwright.services import SERVICES, apparmor, audit, bans, fail2ban, kernel, limits, upgrades, wireguard
from postwright.services.parts import Context, HostSecrets, Service
from postwright.services.postfix import DRAINED
from postwright.services.sandbox import EXPOSURE

# A check with one of these arguments runs on the hosts it is about; so do those of ``pytest_generate_tests``.
_HOSTS: dict[str, Callable[[Fleet, Host], object]] = {
    "acme_host": lambda fleet, host: fleet.acme_of(host),
    "acme_mx_host": lambda fleet, host: fleet.acme_of(host) and host.open_on_25,
    "files_host": lambda fleet, host: host.tls_files and fleet.logins and "submission" in host.roles,
}

# A check with one of these arguments runs on the domains it is about.
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

_INTAKE = ("submission_host", "mx_host", "dane_host")  # arguments of checks that speak SMTP to the host from outside
# A check with one of these arguments runs on every host, where the fleet is hardened that way.
_HARDENED: dict[str, Callable[[Hardening], object]] = {
    "ssh_host": lambda said: said.ssh,
    "updated_host": lambda said: said.upgrades,
    "tuned_host": lambda said: said.sysctl,
    "journal_host": lambda said: said.journal,
    "audited_host": lambda said: said.audit,
    "armored_host": lambda said: said.apparmor,
}


@pytest.fixture(scope="session")
def context() -> Told:
    return told()


@pytest.fixture(scope="session")
def project(context: Told) -> Project:
    return context.project


@pytest.fixture(scope="session")
def fleet(context: Told) -> Fleet:
    return context.fleet


@pytest.fixture(scope="session")
def reached(context: Told) -> dict[str, testinfra.host.Host]:
    """Host name → its testinfra host, all connected to at once; one that gives no answer knows why."""
    opened = {host.name: ssh.connected(host, context.control_path) for host in context.fleet.hosts}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda host: host.backend.probe(), opened.values()))
    return opened


@pytest.fixture(scope="session")
def on(reached: dict[str, testinfra.host.Host]) -> Callable[[Host], testinfra.host.Host]:
    """The testinfra host of a mail host; UnknownError with its first command if it cannot be reached."""
    return lambda host: reached[host.name]


@pytest.fixture(scope="session")
def unreachable(reached: dict[str, testinfra.host.Host]) -> dict[str, str]:
    """Host name → why it cannot be reached."""
    return {name: host.backend.problem for name, host in reached.items() if host.backend.problem}


@pytest.fixture(scope="session")
def drained(on: Callable[[Host], testinfra.host.Host]) -> Callable[[str], bool]:
    """Whether a host takes no mail in because its operator wants it so; each is asked once."""
    return cache(lambda name: on(told().fleet.host(name)).file(DRAINED).exists)


@pytest.fixture(autouse=True)
def _takes_mail_in(request: pytest.FixtureRequest) -> None:
    """What needs a host that takes mail in is not looked at on one that is drained."""
    call = getattr(request.node, "callspec", None)
    hosts = [call.params[name] for name in _INTAKE if name in call.params] if call else []
    for host in hosts:
        if request.getfixturevalue("drained")(host.name):
            pytest.skip(
                f"host {host.name} is drained: it takes no mail in until `postwright apply --undrain {host.name}`"
            )


@pytest.fixture
def trust(project: Project) -> ssl.SSLContext:
    """A client that trusts the system's authorities and the fleet's own."""
    trusting = ssl.create_default_context()
    if project.fleet.tls_authorities:
        trusting.load_verify_locations(project.path(project.fleet.tls_authorities))
    return trusting


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``mail_host`` runs a check on every host, ``mx_host`` on those open on 25, ``address`` and so on alike."""
    fleet = told().fleet
    if "service_of" in metafunc.fixturenames:
        units = [(host, service) for host in fleet.hosts for service in SERVICES if service.unit]
        units = [(host, service) for host, service in units if not _switched_off(fleet, host, service)]
        metafunc.parametrize("service_of", units, ids=[f"{host.name}-{service.name}" for host, service in units])
    if "mail_host" in metafunc.fixturenames:
        metafunc.parametrize("mail_host", fleet.hosts, ids=[host.name for host in fleet.hosts])
    if "submission_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if "submission" in host.roles and fleet.logins]
        metafunc.parametrize("submission_host", hosts, ids=[host.name for host in hosts])
    _parametrize_submission(metafunc, fleet)
    if "mx_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if host.open_on_25]
        metafunc.parametrize("mx_host", hosts, ids=[host.name for host in hosts])
    if "box_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if held_by(fleet, host)]
        metafunc.parametrize("box_host", hosts, ids=[host.name for host in hosts])
    if "paced_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if fleet.paces(host)]
        metafunc.parametrize("paced_host", hosts, ids=[host.name for host in hosts])
    if "address" in metafunc.fixturenames:
        pairs = [(host, address) for host in fleet.hosts for address in host.addresses]
        metafunc.parametrize("address", pairs, ids=[f"{host.name}-{address.ip}" for host, address in pairs])
    if "dane_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if fleet.tlsa and "mx" in host.roles]
        metafunc.parametrize("dane_host", hosts, ids=[host.name for host in hosts])
    if "certified" in metafunc.fixturenames:
        pairs = [(host, address) for host in fleet.hosts for address in host.addresses if fleet.certificate_authorities]
        metafunc.parametrize("certified", pairs, ids=[f"{host.name}-{address.ip}" for host, address in pairs])
    _parametrize_guarded(metafunc, fleet)
    _parametrize_hosts(metafunc, fleet)
    _parametrize_submission(metafunc, fleet)
    _parametrize_hardening(metafunc, fleet)
    _parametrize_transport(metafunc, fleet)
    _parametrize_domains(metafunc, fleet)


def _parametrize_guarded(metafunc: pytest.Metafunc, fleet: Fleet) -> None:
    """Hosts by what of firewall and bans they have."""
    contexts = [Context(fleet, host, "13", HostSecrets()) for host in fleet.hosts]
    having = {
        "egress_host": [it.host for it in contexts if fleet.firewall.egress],
        "banning_host": [it.host for it in contexts if bans.wanted(it)],
        "managed_host": [it.host for it in contexts if wireguard.wanted(it)],
        "guarded_host": [it.host for it in contexts if fail2ban.wanted(it)],
    }
    for name, hosts in having.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, hosts, ids=[host.name for host in hosts])


def _parametrize_hosts(metafunc: pytest.Metafunc, fleet: Fleet) -> None:
    for name, concerns in _HOSTS.items():
        if name in metafunc.fixturenames:
            hosts = [host for host in fleet.hosts if concerns(fleet, host)]
            metafunc.parametrize(name, hosts, ids=[host.name for host in hosts])


def _parametrize_submission(metafunc: pytest.Metafunc, fleet: Fleet) -> None:
    """``limited_host``: where logins are counted; ``foreign_from``: a domain that the probe's login may not put into From."""
    if "limited_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if limits.wanted_on(fleet, host)]
        metafunc.parametrize("limited_host", hosts, ids=[host.name for host in hosts])
    if "foreign_from" in metafunc.fixturenames:
        pairs = [(host, name) for host in fleet.hosts for name in _foreign(fleet, host)[:1]]
        metafunc.parametrize("foreign_from", pairs, ids=[host.name for host, _ in pairs])


def _foreign(fleet: Fleet, host: Host) -> list[str]:
    """The domains a host signs for and the probe's login has no sender of."""
    login = next((it for it in fleet.logins if fleet.probe and it.login == fleet.probe.login), None)
    if login is None or "submission" not in host.roles or fleet.from_header == "any":
        return []
    own = {sender.partition("@")[2] for sender in login.senders}
    return [domain.name for domain in fleet.domains_of(host) if not domain.delegated and domain.name not in own]


def _parametrize_hardening(metafunc: pytest.Metafunc, fleet: Fleet) -> None:
    if "boxed" in metafunc.fixturenames:
        boxes = [(host, it) for host in fleet.hosts for it in SERVICES if _is_boxed(fleet, host, it)]
        metafunc.parametrize("boxed", boxes, ids=[f"{host.name}-{service.name}" for host, service in boxes])
    for name, concerns in _HARDENED.items():
        if name in metafunc.fixturenames:
            hosts = [host for host in fleet.hosts if concerns(fleet.hardening)]
            metafunc.parametrize(name, hosts, ids=[host.name for host in hosts])


def _switched_off(fleet: Fleet, host: Host, service: Service) -> bool:
    """Whether it is part of hardening, and not wanted."""
    parts = (kernel.SERVICE, upgrades.SERVICE, apparmor.SERVICE, audit.SERVICE)
    return service in parts and not service.wanted(Context(fleet, host, "13", HostSecrets()))


def _is_boxed(fleet: Fleet, host: Host, service: Service) -> bool:
    """Whether the unit of this service is to be in a sandbox; that of the second signer is as that of the first."""
    there = service.wanted(Context(fleet, host, "13", HostSecrets()))
    return fleet.hardening.sandbox and there and service.name in EXPOSURE


def _parametrize_transport(metafunc: pytest.Metafunc, fleet: Fleet) -> None:
    if "asking_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if fleet.outbound_tls.mta_sts]
        metafunc.parametrize("asking_host", hosts, ids=[host.name for host in hosts])
    if "policy_at" in metafunc.fixturenames:
        served_at = [(host, domain) for host in fleet.hosts for domain in served(fleet, host)]
        metafunc.parametrize("policy_at", served_at, ids=[f"{host.name}-{domain.name}" for host, domain in served_at])


def _parametrize_domains(metafunc: pytest.Metafunc, fleet: Fleet) -> None:
    for name, concerns in _DOMAINS.items():
        if name in metafunc.fixturenames:
            domains = [domain for domain in fleet.domains if concerns(fleet, domain)]
            metafunc.parametrize(name, domains, ids=[domain.name for domain in domains])
