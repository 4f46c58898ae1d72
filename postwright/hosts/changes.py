"""The child's actions that change hosts, or plan to from what lies there. Runs under gevent."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from postwright import material
from postwright.brought_back import KEYS
from postwright.deploys.mail_host import mail_host
from postwright.deploys.rollback import rolled_back
from postwright.hosts import adapter, inventory_file
from postwright.hosts.actions import Request, hosts_of, scripts
from postwright.hosts.bundles import ready_bundle
from postwright.hosts.fit import Fit, fit_request, fits
from postwright.hosts.generations import kept_tls, restored, signed_with
from postwright.hosts.host_lock import host_locks
from postwright.hosts.looking import look
from postwright.hosts.plan import HostPlan, host_plan, look_request, text_request
from postwright.hosts.way_in import require_way_in
from postwright.inventory import Project, project_of
from postwright.services.bundle import Bundle
from postwright.terms import OfHosts

_NO_TERMS = OfHosts()


def apply(request: Request, report: adapter.Report) -> dict[str, list[str]]:
    """Bring the named hosts to what they are to be; host → steps that changed something."""
    project, hosts = _project(request)
    passphrase = material.passphrase_of(project)

    def prepare(host: Any) -> None:
        bundle = ready_bundle(project, project.fleet.host(host.name), fit[host.name].state, passphrase)
        mail_host(bundle=replace(bundle, adopts=fit[host.name].foreign))

    with adapter.session(hosts, request["hosts"], report) as session:
        fit = _fit_hosts(project, session, OfHosts(**request["terms"]))
        with host_locks(session):
            adapter.on_each(session, prepare)
            return adapter.execute(session, report)


def plan_rollback(request: Request, report: adapter.Report) -> dict[str, Any]:
    """Host → what going back to that state would change there, what it would sign with then, and what is lost of it."""
    project, hosts = _project(request)
    asked = request["numbers"]

    def told(host: Any) -> dict[str, Any]:
        found, planned = kept[host.name], plans[host.name]
        signs = [asdict(it) for it in signed_with(found)]
        return {"plan": planned.to_json(), "signs": signs, "lost": found["lost"], "kept": asdict(kept_tls(found))}

    with adapter.session(hosts, asked.keys(), report) as session:
        fit = _fit_hosts(project, session, returns=True)
        kept = _kept(session, asked)
        wanted = _wanted(kept, fit)
        plans = _plans(session, wanted, fit)
        return adapter.on_each(session, told)


def rollback(request: Request, report: adapter.Report) -> dict[str, list[str]]:
    """Put the named hosts back to states they keep; host → steps that changed something."""
    project, hosts = _project(request)
    with adapter.session(hosts, request["numbers"].keys(), report) as session:
        fit = _fit_hosts(project, session, returns=True)
        with host_locks(session):
            wanted = _wanted(_kept(session, request["numbers"]), fit)
            _plans(session, wanted, fit)
            adapter.on_each(session, lambda host: rolled_back(bundle=wanted[host.name]))
            return adapter.execute(session, report)


def _kept(session: adapter.Session, numbers: dict[str, int]) -> dict[str, Any]:
    requests = {host: {"number": number, "keys": KEYS} for host, number in numbers.items()}
    answers = scripts(session, "generations", requests)
    return {host: answer["generation"] for host, answer in answers.items()}


def _wanted(kept: dict[str, Any], fit: dict[str, Fit]) -> dict[str, Bundle]:
    return {host: restored(host, it, fit[host].state.release) for host, it in kept.items()}


def _plans(session: adapter.Session, wanted: dict[str, Bundle], fit: dict[str, Fit]) -> dict[str, HostPlan]:
    """What going back changes; DeployError, before anything is touched, if it could cut the operator off."""

    def planned(host: Any) -> HostPlan:
        bundle = wanted[host.name]
        seen = look(look_request(bundle))
        question = text_request(bundle, seen)
        return host_plan(bundle, {**seen, **(look(question) if question else {})})

    plans = adapter.on_each(session, planned)
    require_way_in({host: it.tunnelled for host, it in fit.items()}, plans)
    return plans


def _project(request: Request) -> tuple[Project, adapter.Hosts]:
    hosts = hosts_of(request)
    return project_of(inventory_file.host_data(hosts.inventory), Path(request["inventory"])), hosts


def _fit_hosts(
    project: Project, session: adapter.Session, terms: OfHosts = _NO_TERMS, *, returns: bool = False
) -> dict[str, Fit]:
    """Host → what it is; DeployError with every reason why a host is not fit, before anything is touched."""

    def seen(host: Any) -> dict[str, Any]:
        asked = look(fit_request(project, project.fleet.host(host.name)))
        return asked | {"login": adapter.login_method(host)}

    return fits(project, adapter.on_each(session, seen), terms, returns=returns)
