"""Pacing that could not work as the inventory says; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright import values
from postwright.consistency_dns import domains
from postwright.gates import GATE_PORT
from postwright.lanes import pacing_of
from postwright.model import DomainWarmup, Fleet, Pacing, Warmup
from postwright.model.streams import RELAY
from postwright.pacing.plans import BUILT_IN, Plan
from postwright.pacing.providers import PROVIDERS

_PLACE = "mail_fleet.pacing"
_TAKEN = {
    25: "SMTP",
    53: "the resolver",
    465: "submission",
    587: "submission",
    993: "IMAP",
    995: "POP3",
    10925: "proofs",
    GATE_PORT: "the gate",
}
_SHORTEST_QUEUE, _LONGEST_QUEUE = values.duration("1m"), values.duration("100d")


def _places(fleet: Fleet) -> Iterator[tuple[str, Warmup | DomainWarmup]]:
    """Every warmup with the key path it stands at."""
    for host in fleet.hosts:
        for position, address in enumerate(host.addresses):
            if address.warmup:
                yield f"host {host.name}: mail_host.addresses[{position}].warmup", address.warmup
    for place, domain in domains(fleet):
        if domain.warmup:
            yield f"{place}.warmup", domain.warmup


def _some_addresses_only(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        if any(address.warmup for address in host.addresses):
            for position, address in enumerate(host.addresses):
                if address.warmup is None:
                    yield (
                        f"host {host.name}: mail_host.addresses[{position}].warmup: missing, though other addresses of this "
                        f'host have one; give {address.ip} a plan too, or say "warmup": "warm" if it has its reputation'
                    )


def _unknown_plans(fleet: Fleet) -> Iterator[str]:
    pacing = pacing_of(fleet)
    known = ", ".join([*BUILT_IN, *pacing.plans])
    for place, warmup in _places(fleet):
        if warmup.plan and pacing.plan(warmup.plan) is None:
            yield f"{place}.plan: no plan {warmup.plan!r} (there is: {known}); mend the name, or add it to {_PLACE}.plans"


def _unknown_providers(fleet: Fleet) -> Iterator[str]:
    pacing = pacing_of(fleet)
    used = [it.name for it in pacing.providers_in_use]
    for place, warmup in _places(fleet):
        for name in warmup.providers if isinstance(warmup, DomainWarmup) else ():
            if name not in used:
                yield f"{place}.providers: {name!r} is not in use (there is: {', '.join(used)}); {_to_use(name)}"
    for name in pacing.plans:
        plan = pacing.plan(name)
        for provider in plan.overrides if plan else ():
            if provider not in used:
                yield f"{_PLACE}.plans.{name}.overrides: {provider!r} is not in use; {_to_use(provider)}"


def _to_use(name: str) -> str:
    known = any(it.name == name for it in PROVIDERS)
    return f"add it to {_PLACE}.providers, as {{}} if nothing is to be different" if known else "mend the name"


def _shared_suffixes(fleet: Fleet) -> Iterator[str]:
    first: dict[str, str] = {}
    for provider in pacing_of(fleet).providers_in_use:
        for suffix in provider.suffixes:
            if first.setdefault(suffix, provider.name) != provider.name:
                yield (
                    f"{_PLACE}.providers: {suffix} is a suffix of both {first[suffix]} and {provider.name}; take it from one, "
                    "by giving that its suffixes here"
                )


def _shares_of_nothing(fleet: Fleet) -> Iterator[str]:
    """A host whose share of a stage is no message could neither send nor leave that stage."""
    for place, domain in domains(fleet):
        plan = domain.warmup and pacing_of(fleet).plan(domain.warmup.plan)
        least = min(map(_least(plan), domain.warmup.providers)) if domain.warmup and plan else None
        hosts = len(fleet.hosts_of(domain))
        if least is not None and least < hosts:
            yield (
                f"{place}.warmup: its {hosts} hosts would share {least} message{'s' if least != 1 else ''}, the least that the "
                "plan allows in an hour or a day; name fewer hosts for the domain, or a plan with larger stages"
            )


def _least(plan: Plan) -> Callable[[str], int]:
    """The smallest number that limits a provider at any stage."""

    def of(provider: str) -> int:
        limits = [plan.limits(stage, provider) for stage in range(plan.length(provider))]
        return min(number for it in limits for number in (it.hour, it.day) if number is not None)

    return of


def _streams(pacing: Pacing) -> Iterator[tuple[str, str, str]]:
    """Stream, key and value of all that streams know their mail by, in their order."""
    for name, stream in pacing.streams.items():
        yield from ((name, "senders", sender) for sender in stream.senders)
        yield from ((name, "users", user) for user in stream.users)
        yield from ((name, "headers", f"{header.lower()}: {value}") for header, value in stream.headers.items())


def _overlapping_streams(fleet: Fleet) -> Iterator[str]:
    """Of several streams that know a message the first counts, so what a later one says of it would never be done."""
    first: dict[tuple[str, str], str] = {}
    for name, key, value in _streams(pacing_of(fleet)):
        whole_domain = "@" + value.partition("@")[2]
        for known in dict.fromkeys((value, whole_domain) if key == "senders" else (value,)):
            other = first.get((key, known), name)
            if other != name:
                yield f"{_PLACE}.streams.{name}.{key}: {value} is of stream {other} already ({known}); put {name} before it, or take it out"
        first.setdefault((key, value), name)


def _strange_streams(fleet: Fleet) -> Iterator[str]:
    ours = {name for domain in fleet.domains for name in (domain.name, domain.return_path)}
    logins = {login.login for login in fleet.logins}
    for name, key, value in _streams(pacing_of(fleet)):
        if key == "senders" and value.partition("@")[2] not in ours:
            yield f"{_PLACE}.streams.{name}.senders: {value} is of no domain in mail_fleet.domains; mend it, or add the domain"
        if key == "users" and value not in logins:
            yield f"{_PLACE}.streams.{name}.users: no {value!r} in mail_fleet.logins; add it there, or mend the name"


def _overflow_to_nowhere(fleet: Fleet) -> Iterator[str]:
    pacing = pacing_of(fleet)
    for name, stream in pacing.streams.items():
        if stream.when_full == "overflow" and stream.relay == RELAY and pacing.relay is None:
            yield f'{_PLACE}.streams.{name}.when_full: "overflow" needs {_PLACE}.relay; add it, or say "wait" or "bypass"'


def _taken_port(fleet: Fleet) -> Iterator[str]:
    metrics = pacing_of(fleet).metrics
    taken = {**_TAKEN, **dict.fromkeys(fleet.firewall.ssh_ports, "SSH")}
    if metrics and metrics.port in taken:
        yield f"{_PLACE}.metrics.port: {metrics.port} is that of {taken[metrics.port]}; choose another"


def _odd_queue(fleet: Fleet) -> Iterator[str]:
    lifetime = values.duration(fleet.policies.queue_lifetime)
    if any(map(fleet.paces, fleet.hosts)) and not _SHORTEST_QUEUE <= lifetime <= _LONGEST_QUEUE:
        yield "mail_fleet.policies.queue_lifetime: is not from 1m to 100d, as pacing needs it; set it to some days"


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _some_addresses_only: set(),
    _unknown_plans: {"pacing"},
    _unknown_providers: {"pacing"},
    _shared_suffixes: {"pacing"},
    _shares_of_nothing: {"pacing", "hosts"},
    _overlapping_streams: {"pacing"},
    _strange_streams: {"pacing", "domains", "logins"},
    _overflow_to_nowhere: {"pacing"},
    _taken_port: {"pacing", "firewall"},
    _odd_queue: {"pacing", "policies"},
}
