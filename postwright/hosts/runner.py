"""What is asked of the process in which pyinfra lives. The only way the rest of postwright reaches a host to change it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from postwright.brought_back import Kept
from postwright.hosts import process
from postwright.hosts.plan import FileChange, HostPlan
from postwright.hosts.process import Report
from postwright.inventory import Project, project_of
from postwright.keys.signing import Held
from postwright.terms import OfHosts
from postwright.wire import unpacked

_NO_TERMS = OfHosts()


def quiet(_line: dict[str, Any]) -> None:
    """A report that goes nowhere."""


def read_project(inventory: Path, *, stored: bool = True, connect: bool = False) -> Project:
    """Execute an inventory file and make sense of it; InventoryError lists all problems.

    ``stored``: users of the store are among the logins, as ``inventory.project_of`` has it. ``connect``: its hosts will be
    asked for, so go there meanwhile; without it, connects to nothing.
    """
    answer = process.ask({"action": "inventory", "inventory": str(inventory), "connect": connect}, quiet)
    hosts, clashes = unpacked(answer)
    return project_of(hosts, inventory, clashes, stored=stored)


def _host_plan(data: dict[str, Any]) -> HostPlan:
    files = tuple(FileChange(item["path"], item["what"], tuple(item["diff"])) for item in data["files"])
    names = ("packages", "restarts", "stops", "reloads", "repairs", "notes", "adopts")
    lists = {name: tuple(data[name]) for name in names}
    return HostPlan(data["host"], files=files, **lists, drained=data["drained"])


def apply(
    project: Project, report: Report = quiet, *, hosts: Collection[str] | None = None, terms: OfHosts = _NO_TERMS
) -> dict[str, list[str]]:
    """Bring these hosts, or all, to what they are to be; host → the steps that changed something."""
    named = [host.name for host in project.fleet.hosts if hosts is None or host.name in hosts]
    request = {"action": "apply", "inventory": str(project.inventory), "hosts": named, "terms": asdict(terms)}
    return dict(process.ask(request, report))


def run_script(project: Project, script: str, requests: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Run a script of ``remote/`` with a request per host; host → its answer."""
    request = {
        "action": "run_script",
        "inventory": str(project.inventory),
        "script": script,
        "requests": dict(requests),
    }
    return dict(process.ask(request, quiet))


def plan_rollback(project: Project, numbers: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Host → ``plan``: what going back to that state changes there; ``signs``: with what it signs then; ``lost`` files of it.

    ``kept``: its certificates and the public halves of its TLS keys.
    """
    found = process.ask(
        {"action": "plan_rollback", "inventory": str(project.inventory), "numbers": dict(numbers)}, quiet
    )
    return {
        host: {
            "plan": _host_plan(it["plan"]),
            "signs": [Held(**key) for key in it["signs"]],
            "lost": it["lost"],
            "kept": Kept(**it["kept"]),
        }
        for host, it in found.items()
    }


def rollback(project: Project, numbers: Mapping[str, int], report: Report = quiet) -> dict[str, list[str]]:
    """Put hosts back to states they keep; host → the steps that changed something."""
    return dict(
        process.ask({"action": "rollback", "inventory": str(project.inventory), "numbers": dict(numbers)}, report)
    )


@contextmanager
def serving(project: Project, socket: Path) -> Iterator[None]:
    """Let a process of ours ask for the hosts' connections at this Unix socket, to be made in a folder of our own."""
    process.ask({"action": "serve", "inventory": str(project.inventory), "socket": str(socket)}, quiet)
    try:
        yield
    finally:
        process.ask({"action": "end_serving"}, quiet)
