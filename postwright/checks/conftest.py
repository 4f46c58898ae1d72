"""Fixtures of the checks: connections to hosts, and one run per host, address or domain."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import testinfra.host

from postwright.checks import smtp, ssh
from postwright.checks.cases import cases
from postwright.checks.context import Told, told
from postwright.checks.side_by_side import FIRST
from postwright.inventory import Project
from postwright.model import Fleet, Host
from postwright.services.postfix import DRAINED

# Arguments of checks that speak SMTP to the host from outside; of some the host is the first part.
_INTAKE = {
    *("submission_host", "files_host", "foreign_from", "mx_host", "acme_mx_host", "dane_host", "taking_host"),
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
    """Host name → its testinfra host, which connects when it is asked; one that gives no answer knows why."""
    return {host.name: ssh.connected(host, context.inventory) for host in context.fleet.hosts}


@pytest.fixture(scope="session")
def on(reached: dict[str, testinfra.host.Host]) -> Callable[[Host], testinfra.host.Host]:
    """The testinfra host of a mail host; UnknownError with its first command if it cannot be reached."""
    return lambda host: reached[host.name]


@pytest.fixture(scope="session")
def unreachable(reached: dict[str, testinfra.host.Host]) -> Callable[[], dict[str, str]]:
    """Tells host name → why it cannot be reached; all are tried at once."""

    def tried() -> dict[str, str]:
        with ThreadPoolExecutor(16) as pool:
            problems = pool.map(lambda host: host.backend.problem, reached.values())
        return {name: problem for name, problem in zip(reached, problems, strict=True) if problem}

    return tried


@pytest.fixture(scope="session")
def drained(on: Callable[[Host], testinfra.host.Host]) -> Callable[[str], bool]:
    """Whether a host takes no mail in because its operator wants it so."""
    return lambda name: on(told().fleet.host(name)).file(DRAINED).exists


@pytest.fixture(autouse=True)
def _takes_mail_in(request: pytest.FixtureRequest, drained: Callable[[str], bool]) -> None:
    """What needs a host that takes mail in is not looked at on one that is drained."""
    call = getattr(request.node, "callspec", None)
    found = [value for name, value in call.params.items() if name in _INTAKE] if call else []

    def look() -> None:
        for host in (it[0] if isinstance(it, tuple) else it for it in found):
            if drained(host.name):
                pytest.skip(
                    f"host {host.name} is drained: it takes no mail in until `postwright apply --undrain {host.name}`"
                )

    request.node.stash[FIRST] = look


@pytest.fixture(scope="session")
def trust(project: Project) -> ssl.SSLContext:
    """A client that trusts the system's authorities and the fleet's own; many checks use it at a time, and none changes it."""
    return smtp.trusting(project)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check runs on everything its arguments stand for."""
    for argument in metafunc.fixturenames:
        found = cases(told().fleet, argument)
        if found is not None:
            metafunc.parametrize(argument, [value for value, _ in found], ids=[name for _, name in found])
