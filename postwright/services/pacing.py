"""The pacing agent: Postfix asks it of every message whether it may leave now, from where, or waits for its budget.

Its code is Python that lies below /etc/postwright, read from this very package: host and operator have one version. It
runs as a user of its own without any right; a second program, which it asks over a socket, does as root the few things
that need it. Sockets are systemd's, so a restart of the agent makes Postfix wait for a moment and loses no question.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from postwright import clock, values
from postwright.gates import GATE, GATE_PORT, Gate, gates
from postwright.lanes import POLICY_SOCKET, UNBIND, pacing_of, smarthosts
from postwright.mailboxes import held_elsewhere
from postwright.model import Address, Domain, Fleet, Host
from postwright.model.streams import DEFAULT, RELAY
from postwright.pacing.plans import Plan, to_json
from postwright.pacing.providers import Provider
from postwright.render import template
from postwright.services import addresses
from postwright.services.modules import modules
from postwright.services.parts import Check, Context, HostFile, Service, sound_units

AGENT = "/etc/postwright/agent"
CONFIGURATION = "/etc/postwright/pacing.json"
UNIT = "postwright-pacing.service"
UNITS = "/etc/systemd/system"
USER = "postwright-pacing"
CONTROL_SOCKET = "/run/postwright-pacing/control.sock"
KEEPER_SOCKET = "/run/postwright-pacing-keeper.sock"
_TEMPLATES = {
    f"/etc/sysusers.d/{USER}.conf": "sysusers.conf.j2",
    f"{UNITS}/postwright-pacing-user.service": "user.service.j2",
    f"{UNITS}/postwright-pacing.socket": "agent.socket.j2",
    f"{UNITS}/postwright-pacing-keeper.socket": "keeper.socket.j2",
    f"{UNITS}/postwright-pacing-keeper.service": "keeper.service.j2",
    f"{UNITS}/{UNIT}": "agent.service.j2",
}


def _files(context: Context) -> tuple[HostFile, ...]:
    metrics = pacing_of(context.fleet).metrics
    said = {
        "agent": AGENT,
        "configuration": CONFIGURATION,
        "user": USER,
        "policy_socket": POLICY_SOCKET,
        "keeper_socket": KEEPER_SOCKET,
        "unbind": UNBIND,
        "reached": metrics is not None and not metrics.address.is_loopback,
    }
    text = json.dumps(configuration(context), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return (
        *modules("pacing", AGENT),
        HostFile(CONFIGURATION, text.encode()),
        HostFile(UNBIND, template("pacing/unbind.j2", context, unbind=UNBIND), mode=0o755),
        HostFile(f"{UNBIND}.py", (resources.files("postwright.services") / "unbind.py").read_bytes()),
        *(HostFile(path, template(f"pacing/{name}", context, **said)) for path, name in _TEMPLATES.items()),
    )


def configuration(context: Context) -> dict[str, Any]:
    """What pacing.json says; ``pacing.config`` reads it."""
    fleet, host = context.fleet, context.host
    pacing = pacing_of(fleet)
    relays = {it.name: it.filter for it in smarthosts(pacing)}
    return {
        "format": 1,
        "host": host.fqdn,
        "addresses": [_address(it) for it in host.addresses],
        "providers": [_provider(it) for it in pacing.providers_in_use],
        "plans": {plan.name: to_json(plan) for plan in _plans(fleet, host)},
        "thresholds": pacing.thresholds.model_dump(),
        "own_domains": addresses.own_domains(context),
        **_own_addresses(context),
        "domains": {it.name: _budget(fleet, host, it) for it in fleet.domains_of(host) if it.warmup},
        "streams": [_stream(it) for it in gates(pacing)],
        "relay": relays.pop(RELAY, None),
        **({"relays": relays} if relays else {}),
        **({"header_streams": True} if any(it.headers for it in pacing.streams.values()) else {}),
        **_certificates(fleet),
        "failure": pacing.failure,
        "outstanding": pacing.outstanding,
        "queue_lifetime": int(values.duration(fleet.policies.queue_lifetime).total_seconds()),
        "gate": {"port": GATE_PORT, "filter": GATE},
        "metrics": [str(pacing.metrics.address), pacing.metrics.port] if pacing.metrics else None,
        "lab_clock": clock.on_hosts(it.name for it in fleet.domains),
    }


def _own_addresses(context: Context) -> dict[str, Any]:
    """Mailboxes of our other hosts whose domains are not this host's: handed on as they are, by no lane."""
    own = set(addresses.own_domains(context))
    found = [it for it in held_elsewhere(context.fleet, context.host) if it.partition("@")[2] not in own]
    return {"own_addresses": sorted(found)} if found else {}


def _certificates(fleet: Fleet) -> dict[str, Any]:
    """Whom certificates stand for that submit instead of a login, of the logins that streams name."""
    named = {user for stream in pacing_of(fleet).streams.values() for user in stream.users}
    logins = (it for it in fleet.logins if it.login in named and it.state == "active")
    found = {print_: it.login for it in logins for print_ in it.certificates}
    return {"certificates": found} if found else {}


def _address(address: Address) -> dict[str, Any]:
    warmup = address.warmup
    return {
        "ip": str(address.ip),
        "label": address.label,
        "plan": warmup.plan if warmup else None,
        "start": warmup.start.isoformat() if warmup and warmup.start else None,
        **({"pool": address.pool} if address.pool != DEFAULT else {}),
    }


def _provider(provider: Provider) -> dict[str, Any]:
    return {
        "name": provider.name,
        "suffixes": list(provider.suffixes),
        "connections": provider.connections,
        "messages_per_connection": provider.messages_per_connection,
        "per_minute": provider.per_minute,
    }


def _plans(fleet: Fleet, host: Host) -> list[Plan]:
    """The plans this host's addresses and domains follow, sorted by name."""
    said = [*(it.warmup for it in host.addresses), *(it.warmup for it in fleet.domains_of(host))]
    found = [pacing_of(fleet).plan(name) for name in sorted({it.plan for it in said if it and it.plan})]
    return [plan for plan in found if plan]


def _budget(fleet: Fleet, host: Host, domain: Domain) -> dict[str, Any]:
    """The budget of a domain; ``share`` says which of how many hosts this one is, so that no message is shared twice."""
    warmup, hosts = domain.warmup, fleet.hosts_of(domain)
    if warmup is None:
        raise AssertionError(domain.name)
    return {
        "plan": warmup.plan,
        "start": warmup.start.isoformat(),
        "share": [hosts.index(host) + 1, len(hosts)],
        "providers": list(warmup.providers),
    }


def _stream(gate: Gate) -> dict[str, Any]:
    """Streams stay in the inventory's order: of several that know a message the first counts."""
    stream = gate.stream
    return {
        "name": gate.name,
        "gate": {"server": gate.address, "filter": gate.filter},
        "senders": list(stream.senders),
        "users": list(stream.users),
        "when_full": stream.when_full,
        "after": int(values.duration(stream.after).total_seconds()) if stream.after else 0,
        "relay": stream.relay,
        **({"via": stream.via} if stream.via else {"pools": list(stream.pools)}),
    }


def wanted(context: Context) -> bool:
    return context.fleet.paces(context.host)


# Postfix asks the agent until it has been restarted without it, and until then all of it must be there.
_LASTING = (f"{AGENT}/", CONFIGURATION, *_TEMPLATES)

SERVICE = Service(
    name="pacing",
    title="pacing",
    packages=("python3", "python3-dnspython"),
    files=_files,
    checks=(
        # -B: what is staged must stay as it is.
        Check(f"PYTHONPATH={AGENT} python3 -B -m pacing check {CONFIGURATION}"),
        sound_units(*(it for it in _TEMPLATES if it.startswith(UNITS))),
    ),
    unit=lambda _release: UNIT,
    ready=f"test -S {POLICY_SOCKET} && test -S {CONTROL_SOCKET}",
    lasting=_LASTING,
    wanted=wanted,
)
