"""Fixtures of the checks: connections to hosts, and one run per host, address or domain."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
import testinfra.host

from postwright.checks.context import Told, told
from postwright.inventory import Project
from postwright.model import Fleet, Host, Ssh
from postwright.services import SERVICES


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
def on(context: Told) -> Callable[[Host], testinfra.host.Host]:
    """The testinfra host of a mail host; all its commands go over one SSH connection.

    testinfra's own options switch multiplexing on without a ControlPath, so that nothing is shared; hence ours.
    """
    opened = {host.name: _connect(host.ssh, context.control_path) for host in context.fleet.hosts}
    return lambda host: opened[host.name]


def _connect(ssh: Ssh, control_path: str) -> testinfra.host.Host:
    extra = ["-o", "BatchMode=yes"]
    if ssh.known_hosts:
        extra += ["-o", f"UserKnownHostsFile={ssh.known_hosts}", "-o", "StrictHostKeyChecking=yes"]
    name = f"[{ssh.hostname}]" if ":" in ssh.hostname else ssh.hostname
    return testinfra.get_host(
        f"ssh://{ssh.user}@{name}:{ssh.port}",
        ssh_config=str(ssh.config) if ssh.config else None,
        ssh_identity_file=str(ssh.key) if ssh.key else None,
        controlpath=control_path,
        ssh_extra_args=shlex.join(extra),
        sudo=ssh.sudo,
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``mail_host`` runs a check on every host, ``address`` for every address, ``domain`` for every domain."""
    fleet = told().fleet
    if "service_of" in metafunc.fixturenames:
        units = [(host, service) for host in fleet.hosts for service in SERVICES if service.unit]
        metafunc.parametrize("service_of", units, ids=[f"{host.name}-{service.name}" for host, service in units])
    if "mail_host" in metafunc.fixturenames:
        metafunc.parametrize("mail_host", fleet.hosts, ids=[host.name for host in fleet.hosts])
    if "submission_host" in metafunc.fixturenames:
        hosts = [host for host in fleet.hosts if "submission" in host.roles and fleet.logins]
        metafunc.parametrize("submission_host", hosts, ids=[host.name for host in hosts])
    if "address" in metafunc.fixturenames:
        pairs = [(host, address) for host in fleet.hosts for address in host.addresses]
        metafunc.parametrize("address", pairs, ids=[f"{host.name}-{address.ip}" for host, address in pairs])
    if "domain" in metafunc.fixturenames:
        metafunc.parametrize("domain", fleet.domains, ids=[domain.name for domain in fleet.domains])
