"""Whether hosts are fit for an apply, and what they decide themselves of what they are to have. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from postwright.errors import DeployError
from postwright.hosts import preflight
from postwright.hosts.bundles import HostState, tunnel_key
from postwright.hosts.way_in import tunnelled
from postwright.inventory import Project
from postwright.model import Host
from postwright.terms import OfHosts

_NO_TERMS = OfHosts()


@dataclass(frozen=True)
class Fit:
    """What was learnt of a host that is fit. ``foreign``: package → files somebody else has configured it with.

    ``tunnelled``: the operator's address, if he comes by the tunnel.
    """

    state: HostState
    foreign: tuple[tuple[str, tuple[str, ...]], ...]
    tunnelled: str = ""


def fit_request(project: Project, host: Host) -> dict[str, Any]:
    """What ``remote/look.py`` is asked for."""
    return {"system": True, "ports": True, "foreign": preflight.watched(project.fleet, host)}


def fits(
    project: Project, answers: Mapping[str, dict[str, Any]], terms: OfHosts = _NO_TERMS, *, returns: bool = False
) -> dict[str, Fit]:
    """Host → what it is; DeployError with every reason why a host is not fit.

    ``answers``: host → that of ``fit_request``, and how we logged in as ``login``. ``returns``: as in ``preflight.problems``.
    """
    hosts = [host for host in project.fleet.hosts if host.name in answers]
    require_none(it for host in hosts for it in problems(project, host, answers[host.name], terms, returns=returns))
    return {host.name: fit(host.name, answers[host.name], terms) for host in hosts}


def require_none(problems: Iterable[str]) -> None:
    """DeployError if there are any."""
    if found := list(problems):
        raise DeployError("\n".join(found) + "\nno host was changed")


def problems(
    project: Project, host: Host, answer: dict[str, Any], terms: OfHosts = _NO_TERMS, *, returns: bool = False
) -> Iterator[str]:
    """Every reason why a host is not fit."""
    told, key = {"adopt": terms.adopt, "returns": returns}, tunnel_key(project, host)
    for problem in preflight.problems(host, project.fleet, answer, time.time(), **told, tunnel_key=key):
        yield f"host {host.name}: {problem}"


def fit(host: str, answer: dict[str, Any], terms: OfHosts = _NO_TERMS) -> Fit:
    """What a host is that has no problem."""
    system = answer["system"]
    drained = terms.drained(host, now=system["drained"])
    state = HostState(system["release"], drained, system["cores"], system["memory"])
    foreign = tuple((name, tuple(paths)) for name, paths in answer["foreign"].items())
    return Fit(state, foreign, tunnelled(system))
