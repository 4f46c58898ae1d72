"""What the child process can be asked for. Runs under gevent; answers with plain data."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from postwright import material
from postwright.brought_back import KEYS
from postwright.deploys.mail_host import mail_host
from postwright.deploys.rollback import rolled_back
from postwright.errors import DeployError
from postwright.hosts import adapter, preflight
from postwright.hosts.bundles import HostState, planned_bundle, ready_bundle, tunnel_key
from postwright.hosts.generations import kept_tls, restored, signed_with
from postwright.hosts.host_lock import host_locks
from postwright.hosts.operations import look
from postwright.hosts.plan import HostPlan, host_plan, look_request
from postwright.hosts.remote import package
from postwright.hosts.way_in import require_way_in, tunnelled
from postwright.inventory import Project, project_of
from postwright.keys.signing import Held
from postwright.model import Host
from postwright.services.bundle import Bundle
from postwright.terms import OfHosts
from postwright.wire import packed

Request = dict[str, Any]
_NO_TERMS = OfHosts()


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
        bundle = planned_bundle(project, ours, fit[host.name].state, passphrase, held)
        bundle = replace(bundle, adopts=fit[host.name].foreign)
        return host_plan(bundle, look(look_request(bundle, show=True))).to_json()

    with adapter.session(loaded, _names(project), report) as state:
        fit = _fit_hosts(project, state, OfHosts(**request["terms"]))
        return list(adapter.on_each(state, plan_one).values())


def apply(request: Request, report: adapter.Report) -> dict[str, list[str]]:
    """Bring the named hosts to what they are to be; host → steps that changed something."""
    project, loaded = _project(request)
    passphrase = material.passphrase_of(project)

    def prepare(host: Any) -> None:
        bundle = ready_bundle(project, project.fleet.host(host.name), fit[host.name].state, passphrase)
        mail_host(bundle=replace(bundle, adopts=fit[host.name].foreign))

    with adapter.session(loaded, set(request["hosts"]), report) as state:
        fit = _fit_hosts(project, state, OfHosts(**request["terms"]))
        with host_locks(state):
            adapter.on_each(state, prepare)
            return adapter.execute(state)


def run_script(request: Request, report: adapter.Report) -> dict[str, Any]:
    """Run a script of remote/ on the named hosts; host → its answer."""
    project, loaded = _project(request)
    with adapter.session(loaded, set(request["requests"]) & _names(project), report) as state:
        return _scripts(state, request["script"], request["requests"])


def _scripts(state: Any, script: str, requests: dict[str, Any]) -> dict[str, Any]:
    """Run a script on each host of a session; DeployError when all have ended, so that none is cut off by another's failure."""
    answers = adapter.on_each(state, lambda host: _script(host, script, requests[host.name]))
    if failed := [str(answer) for answer in answers.values() if isinstance(answer, DeployError)]:
        raise DeployError("\n".join(failed))
    return answers


def _script(host: Any, script: str, request: dict[str, Any]) -> Any:
    from pyinfra.api import StringCommand  # noqa: PLC0415

    done, output = host.run_shell_command(
        StringCommand("python3", "-"), _stdin=package(script, request), _sudo=bool(host.data.get("_sudo"))
    )
    if not done:
        return DeployError(f"host {host.name}: {script}: {output.stderr or output.stdout}")
    return json.loads(output.stdout_lines[-1])


def plan_rollback(request: Request, report: adapter.Report) -> dict[str, Any]:
    """Host → what going back to that state would change there, what it would sign with then, and what is lost of it."""
    project, loaded = _project(request)
    asked = request["numbers"]

    def told(host: Any) -> dict[str, Any]:
        found, planned = kept[host.name], plans[host.name]
        signs = [asdict(it) for it in signed_with(found)]
        return {"plan": planned.to_json(), "signs": signs, "lost": found["lost"], "kept": asdict(kept_tls(found))}

    with adapter.session(loaded, set(asked), report) as state:
        fit = _fit_hosts(project, state, returns=True)
        kept = _kept(state, asked)
        wanted = _wanted(kept, fit)
        plans = _plans(state, wanted, fit)
        return adapter.on_each(state, told)


def rollback(request: Request, report: adapter.Report) -> dict[str, list[str]]:
    """Put the named hosts back to states they keep; host → steps that changed something."""
    project, loaded = _project(request)
    with adapter.session(loaded, set(request["numbers"]), report) as state:
        fit = _fit_hosts(project, state, returns=True)
        with host_locks(state):
            wanted = _wanted(_kept(state, request["numbers"]), fit)
            _plans(state, wanted, fit)
            adapter.on_each(state, lambda host: rolled_back(bundle=wanted[host.name]))
            return adapter.execute(state)


def _kept(state: Any, numbers: dict[str, int]) -> dict[str, Any]:
    requests = {host: {"number": number, "keys": KEYS} for host, number in numbers.items()}
    answers = _scripts(state, "generations", requests)
    return {host: answer["generation"] for host, answer in answers.items()}


def _wanted(kept: dict[str, Any], fit: dict[str, Fit]) -> dict[str, Bundle]:
    return {host: restored(host, it, fit[host].state.release) for host, it in kept.items()}


def _plans(state: Any, wanted: dict[str, Bundle], fit: dict[str, Fit]) -> dict[str, HostPlan]:
    """What going back changes; DeployError, before anything is touched, if it could cut the operator off."""
    asked = {host: look_request(bundle, show=True) for host, bundle in wanted.items()}
    plans = adapter.on_each(state, lambda host: host_plan(wanted[host.name], look(asked[host.name])))
    require_way_in({host: it.tunnelled for host, it in fit.items()}, plans)
    return plans


def _project(request: Request) -> tuple[Project, Any]:
    path = Path(request["inventory"])
    loaded, clashes = adapter.load_inventory(path)
    return project_of(adapter.host_data(loaded), path, clashes), loaded


def _names(project: Project) -> set[str]:
    return {host.name for host in project.fleet.hosts}


@dataclass(frozen=True)
class Fit:
    """What was learnt of a host that is fit. ``foreign``: package → files somebody else has configured it with.

    ``tunnelled``: the operator's address, if he comes by the tunnel.
    """

    state: HostState
    foreign: tuple[tuple[str, tuple[str, ...]], ...]
    tunnelled: str = ""


def _fit_hosts(project: Project, state: Any, terms: OfHosts = _NO_TERMS, *, returns: bool = False) -> dict[str, Fit]:
    """Host → what it is; DeployError with every reason why a host is not fit, before anything is touched."""

    def seen_of(host: Any) -> dict[str, Any]:
        packages = preflight.watched(project.fleet, project.fleet.host(host.name))
        asked = look({"system": True, "ports": True, "foreign": packages})
        return asked | {"login": adapter.login_method(host)}

    def problems(host: Host) -> Iterator[str]:
        told, key = {"adopt": terms.adopt, "returns": returns}, tunnel_key(project, host)
        return preflight.problems(host, project.fleet, seen[host.name], time.time(), **told, tunnel_key=key)

    seen = adapter.on_each(state, seen_of)
    hosts = [host for host in project.fleet.hosts if host.name in seen]
    found = [f"host {host.name}: {problem}" for host in hosts for problem in problems(host)]
    if found:
        raise DeployError("\n".join(found) + "\nno host was changed")
    return {name: _fit(name, answer, terms) for name, answer in seen.items()}


def _fit(host: str, answer: dict[str, Any], terms: OfHosts) -> Fit:
    system = answer["system"]
    drained = terms.drained(host, now=system["drained"])
    state = HostState(system["release"], drained, system["cores"], system["memory"])
    foreign = tuple((name, tuple(paths)) for name, paths in answer["foreign"].items())
    return Fit(state, foreign, tunnelled(system))


ACTIONS: dict[str, Callable[[Request, adapter.Report], Any]] = {
    "inventory": inventory,
    "plan": plan,
    "apply": apply,
    "run_script": run_script,
    "plan_rollback": plan_rollback,
    "rollback": rollback,
}
