"""What the child process can be asked for. Runs under gevent; answers with plain data."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from postwright import material
from postwright.deploys.mail_host import mail_host
from postwright.errors import DeployError
from postwright.hosts import adapter, preflight
from postwright.hosts.bundles import planned_bundle, ready_bundle
from postwright.hosts.host_lock import host_locks
from postwright.hosts.operations import look
from postwright.hosts.plan import host_plan, look_request
from postwright.hosts.remote import package
from postwright.inventory import Project, project_of
from postwright.keys.signing import Held
from postwright.wire import packed

Request = dict[str, Any]


def inventory(request: Request, _report: adapter.Report) -> dict[str, Any]:
    """The hosts of an inventory with their data, packed."""
    loaded, clashes = adapter.load_inventory(Path(request["inventory"]))
    return packed(adapter.host_data(loaded), clashes)


def plan(request: Request, report: adapter.Report) -> list[dict[str, Any]]:
    """What an apply would change on each host."""
    project, loaded = _project(request)
    passphrase = material.passphrase_of(project)

    def plan_one(host: Any) -> dict[str, Any]:
        ours = project.fleet.host(host.name)
        held = [Held(**it) for it in request["keys"][host.name]]
        bundle = planned_bundle(project, ours, releases[host.name], passphrase, held)
        return host_plan(bundle, look(look_request(bundle, show=True))).to_json()

    with adapter.session(loaded, _names(project), report) as state:
        releases = _fit_hosts(project, state)
        return list(adapter.on_each(state, plan_one).values())


def apply(request: Request, report: adapter.Report) -> dict[str, list[str]]:
    """Bring all hosts to what they are to be; host → steps that changed something."""
    project, loaded = _project(request)
    passphrase = material.passphrase_of(project)

    def prepare(host: Any) -> None:
        mail_host(bundle=ready_bundle(project, project.fleet.host(host.name), releases[host.name], passphrase))

    with adapter.session(loaded, _names(project), report) as state:
        releases = _fit_hosts(project, state)
        with host_locks(state):
            adapter.on_each(state, prepare)
            return adapter.execute(state)


def run_script(request: Request, report: adapter.Report) -> dict[str, Any]:
    """Run a script of remote/ on the named hosts; host → its answer."""
    import json  # noqa: PLC0415

    project, loaded = _project(request)

    def run_one(host: Any) -> Any:
        text = package(request["script"], request["requests"][host.name])
        from pyinfra.api import StringCommand  # noqa: PLC0415

        done, output = host.run_shell_command(
            StringCommand("python3", "-"), _stdin=text, _sudo=bool(host.data.get("_sudo"))
        )
        if not done:
            # Raised when all hosts have ended, so that none is cut off by another's failure.
            return DeployError(f"host {host.name}: {request['script']}: {output.stderr or output.stdout}")
        return json.loads(output.stdout_lines[-1])

    with adapter.session(loaded, set(request["requests"]) & _names(project), report) as state:
        answers = adapter.on_each(state, run_one)
    if failed := [str(answer) for answer in answers.values() if isinstance(answer, DeployError)]:
        raise DeployError("\n".join(failed))
    return answers


def _project(request: Request) -> tuple[Project, Any]:
    path = Path(request["inventory"])
    loaded, clashes = adapter.load_inventory(path)
    return project_of(adapter.host_data(loaded), path, clashes), loaded


def _names(project: Project) -> set[str]:
    return {host.name for host in project.fleet.hosts}


def _fit_hosts(project: Project, state: Any) -> dict[str, Any]:
    """Host → Debian release; DeployError with every reason why a host is not fit, before anything is touched."""
    seen = adapter.on_each(
        state, lambda host: look({"system": True, "ports": True}) | {"login": adapter.login_method(host)}
    )
    found = [
        f"host {host.name}: {problem}"
        for host in project.fleet.hosts
        for problem in preflight.problems(host, project.fleet, seen[host.name], time.time())
    ]
    if found:
        raise DeployError("\n".join(found) + "\nno host was changed")
    return {name: answer["system"]["release"] for name, answer in seen.items()}


ACTIONS: dict[str, Callable[[Request, adapter.Report], Any]] = {
    "inventory": inventory,
    "plan": plan,
    "apply": apply,
    "run_script": run_script,
}
