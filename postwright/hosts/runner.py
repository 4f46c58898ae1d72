"""Asks the child process in which pyinfra lives. The only way the rest of postwright reaches a host to change it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from postwright import errors
from postwright.brought_back import Kept
from postwright.hosts.plan import FileChange, HostPlan
from postwright.inventory import Project, project_of
from postwright.keys.signing import Held
from postwright.terms import OfHosts
from postwright.wire import unpacked

Report = Callable[[dict[str, Any]], None]
_NO_TERMS = OfHosts()


def quiet(_line: dict[str, Any]) -> None:
    """A report that goes nowhere."""


def read_project(inventory: Path, *, stored: bool = True) -> Project:
    """Execute an inventory file and make sense of it; connects to nothing. InventoryError lists all problems.

    ``stored``: users of the store are among the logins, as ``inventory.project_of`` has it.
    """
    hosts, clashes = unpacked(_ask({"action": "inventory", "inventory": str(inventory)}, quiet))
    return project_of(hosts, inventory, clashes, stored=stored)


def plan(project: Project, keys: Mapping[str, Sequence[Held]], terms: OfHosts = _NO_TERMS) -> list[HostPlan]:
    """What an apply would change on each host; connects and reads. ``keys``: those each host is to have."""
    held = {host: [asdict(key) for key in found] for host, found in keys.items()}
    request = {"action": "plan", "inventory": str(project.inventory), "keys": held, "terms": asdict(terms)}
    return [_host_plan(data) for data in _ask(request, quiet)]


def _host_plan(data: dict[str, Any]) -> HostPlan:
    files = tuple(FileChange(item["path"], item["what"], tuple(item["diff"])) for item in data["files"])
    lists = {name: tuple(data[name]) for name in ("packages", "restarts", "stops", "reloads", "notes", "adopts")}
    return HostPlan(data["host"], files=files, **lists, drained=data["drained"])


def apply(
    project: Project, report: Report = quiet, *, hosts: Collection[str] | None = None, terms: OfHosts = _NO_TERMS
) -> dict[str, list[str]]:
    """Bring these hosts, or all, to what they are to be; host → the steps that changed something."""
    named = [host.name for host in project.fleet.hosts if hosts is None or host.name in hosts]
    request = {"action": "apply", "inventory": str(project.inventory), "hosts": named, "terms": asdict(terms)}
    return dict(_ask(request, report))


def run_script(project: Project, script: str, requests: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Run a script of ``remote/`` with a request per host; host → its answer."""
    request = {
        "action": "run_script",
        "inventory": str(project.inventory),
        "script": script,
        "requests": dict(requests),
    }
    return dict(_ask(request, quiet))


def plan_rollback(project: Project, numbers: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """Host → ``plan``: what going back to that state changes there; ``signs``: with what it signs then; ``lost`` files of it.

    ``kept``: its certificates and the public halves of its TLS keys.
    """
    found = _ask({"action": "plan_rollback", "inventory": str(project.inventory), "numbers": dict(numbers)}, quiet)
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
    return dict(_ask({"action": "rollback", "inventory": str(project.inventory), "numbers": dict(numbers)}, report))


def _ask(request: dict[str, Any], report: Report) -> Any:
    """One request, its events to ``report``, its result returned, its errors raised as what they are."""
    with subprocess.Popen(
        [sys.executable, "-m", "postwright.hosts.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError
        process.stdin.write(json.dumps(request, default=str) + "\n")
        process.stdin.close()
        try:
            for line in process.stdout:
                message = json.loads(line)
                if "event" not in message:
                    return _result(message)
                report(message)
        except KeyboardInterrupt:
            process.terminate()  # what it has begun on a host, the host ends by itself
            raise
        status = process.wait()
    msg = f"the process that speaks to hosts ended with status {status} and no answer; run again with -vv"
    raise errors.DeployError(msg)


def _result(message: dict[str, Any]) -> Any:
    if "error" in message:
        raise _error(message)
    return message["result"]


def _error(message: dict[str, Any]) -> Exception:
    """The child's error as what it was there."""
    kind = message["error"]
    if kind == "InventoryError":
        return errors.InventoryError(message["where"], message["problems"])
    known = getattr(errors, kind, None)
    return known(message["text"]) if known else RuntimeError(f"bug in postwright:\n{message['text']}")
