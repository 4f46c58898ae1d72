"""Asks the child process in which pyinfra lives. The only way the rest of postwright reaches a host to change it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from postwright import errors
from postwright.hosts.plan import FileChange, HostPlan
from postwright.inventory import Project, project_of
from postwright.keys.signing import Held
from postwright.wire import unpacked

Report = Callable[[dict[str, Any]], None]


def quiet(_line: dict[str, Any]) -> None:
    """A report that goes nowhere."""


def read_project(inventory: Path) -> Project:
    """Execute an inventory file and make sense of it; connects to nothing. InventoryError lists all problems."""
    hosts, clashes = unpacked(_ask({"action": "inventory", "inventory": str(inventory)}, quiet))
    return project_of(hosts, inventory, clashes)


def plan(project: Project, keys: Mapping[str, Sequence[Held]]) -> list[HostPlan]:
    """What an apply would change on each host; connects and reads. ``keys``: those each host is to have."""
    held = {host: [asdict(key) for key in found] for host, found in keys.items()}
    request = {"action": "plan", "inventory": str(project.inventory), "keys": held}
    return [_host_plan(data) for data in _ask(request, quiet)]


def _host_plan(data: dict[str, Any]) -> HostPlan:
    files = tuple(FileChange(item["path"], item["what"], tuple(item["diff"])) for item in data["files"])
    titles = (tuple(data[name]) for name in ("restarts", "stops", "reloads", "notes"))
    return HostPlan(data["host"], tuple(data["packages"]), files, *titles)


def apply(project: Project, report: Report = quiet) -> dict[str, list[str]]:
    """Bring every host to what it is to be; host → the steps that changed something."""
    return dict(_ask({"action": "apply", "inventory": str(project.inventory)}, report))


def run_script(project: Project, script: str, requests: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Run a script of ``remote/`` with a request per host; host → its answer."""
    request = {
        "action": "run_script",
        "inventory": str(project.inventory),
        "script": script,
        "requests": dict(requests),
    }
    return dict(_ask(request, quiet))


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
