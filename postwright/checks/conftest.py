"""Fixtures of the checks: connections to hosts, and one run per host, address or domain."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import testinfra.host

from postwright.checks import ssh
from postwright.checks.context import Told, told
from postwright.dns.kinds import dmarc, senders
from postwright.inventory import Project
from postwright.model import Domain, Fleet, Host
from postwright.policy_hosts import served
from postwright.services import SERVICES

# A check with one of these arguments runs on the domains it is about.
_DOMAINS: dict[str, Callable[[Fleet, Domain], object]] = {
    "domain": lambda _fleet, _domain: True,
    "sender": lambda _fleet, domain: senders.envelope_name(domain),
    "policy_owner": lambda _fleet, domain: dmarc.policy_name(domain),
    "reporting": dmarc.consents_of,
    "sts_domain": lambda _fleet, domain: domain.mta_sts,
    "tls_reporting": lambda _fleet, domain: domain.tls_reports,
    "rotated": lambda fleet, _domain: fleet.keys.rotate_every,
    "delegated": lambda _fleet, domain: domain.delegated,
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
        metafunc.parametrize("service_of", units, ids=[f"{host.name}-{service.name}" for host, service in units])
    if "mail_host" in metafunc.fixturenames:
        metafunc.parametrize("mail_host", fleet.hosts, ids=[host.name for host in fleet.hosts])
    if "submission_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if "submission" in host.roles and fleet.logins]
        metafunc.parametrize("submission_host", hosts, ids=[host.name for host in hosts])
    if "mx_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if host.open_on_25]
        metafunc.parametrize("mx_host", hosts, ids=[host.name for host in hosts])
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
    _parametrize_transport(metafunc, fleet)
    _parametrize_domains(metafunc, fleet)


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
