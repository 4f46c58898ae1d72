"""Streams, pools and relays that could not work as the inventory says; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright.gates import gates
from postwright.lanes import pacing_of
from postwright.model import Fleet, Host, Stream
from postwright.model.streams import DEFAULT, RELAY

_STREAMS = "mail_fleet.pacing.streams"
_MOST = 16  # addresses of a host: each has a transport for each provider


def _too_many_addresses(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        if len(host.addresses) > _MOST:
            yield f"host {host.name}: mail_host.addresses: {len(host.addresses)} addresses; {_MOST} are the most, take another host"


def _pools_without_pacing(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        for position, address in enumerate(host.addresses):
            if address.pool != DEFAULT and not fleet.paces(host):
                yield (
                    f"host {host.name}: mail_host.addresses[{position}].pool: nothing of this host is paced, so all mail leaves from "
                    "its first addresses; add mail_fleet.pacing with streams, or take the pool out"
                )


def _nothing_in_default(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        if host.addresses and fleet.paces(host) and DEFAULT not in _pools(host):
            yield (
                f"host {host.name}: mail_host.addresses: none is of pool {DEFAULT}, so mail of no stream (bounces, forwarded mail) "
                "could never leave; let one address say no pool"
            )


def _pools(host: Host) -> set[str]:
    return {address.pool for address in host.addresses}


def _unknown_pools(fleet: Fleet) -> Iterator[str]:
    known = {pool for host in fleet.hosts for pool in _pools(host)}
    for name, stream in pacing_of(fleet).streams.items():
        for key, pools in {"pool": stream.pools[:1], "fallback": stream.pools[1:]}.items():
            for pool in pools:
                if pool not in known:
                    listed = ", ".join(sorted(known))
                    yield f"{_STREAMS}.{name}.{key}: no address is of pool {pool!r} (there is: {listed}); mend the name, or give it one"


def _streams_without_addresses(fleet: Fleet) -> Iterator[str]:
    known = {pool for host in fleet.hosts for pool in _pools(host)}
    for name, stream in pacing_of(fleet).streams.items():
        for host in _senders_of(fleet, stream) if known & set(stream.pools) else ():
            if fleet.paces(host) and not _pools(host) & set(stream.pools):
                yield (
                    f"{_STREAMS}.{name}: host {host.name} takes in its mail, and has no address of {' or '.join(stream.pools)}: it "
                    "could never leave; give that host one, or name a pool of its addresses in fallback"
                )


def _senders_of(fleet: Fleet, stream: Stream) -> tuple[Host, ...]:
    """The hosts that send for a stream's senders, or for what its users may send as; a header may come in anywhere."""
    logins = [it for it in fleet.logins if it.login in stream.users]
    names = {it.partition("@")[2] for it in (*stream.senders, *(x for login in logins for x in login.senders))}
    domains = [it for it in fleet.domains if {it.name, it.return_path} & names]
    sending = {host.name for domain in domains for host in fleet.hosts_of(domain)}
    return tuple(host for host in fleet.hosts if stream.headers or host.name in sending)


def _unknown_relays(fleet: Fleet) -> Iterator[str]:
    relays = pacing_of(fleet).all_relays
    for name, stream in pacing_of(fleet).streams.items():
        used = {"via": stream.via, "relay": stream.relay if stream.relay != RELAY else None}
        for key, relay in used.items():
            if relay and relay not in relays:
                listed = ", ".join(relays) or "none"
                yield f"{_STREAMS}.{name}.{key}: no relay {relay!r} (there is: {listed}); mend the name, or add it to mail_fleet.pacing.relays"


def _passing_by_a_wrong_address(fleet: Fleet) -> Iterator[str]:
    pacing = pacing_of(fleet)
    apart = any(it != DEFAULT for host in fleet.hosts for it in _pools(host))
    if pacing.failure == "pass" and (apart or any(it.via for it in pacing.streams.values())):
        yield (
            'mail_fleet.pacing.failure: "pass" lets mail leave from any address while the agent is away, also mail of streams that '
            'have a pool or a relay of their own; say "hold" or "refuse"'
        )


def _shared_gates(fleet: Fleet) -> Iterator[str]:
    first: dict[str, str] = {}
    for gate in gates(pacing_of(fleet)):
        other = first.setdefault(gate.address, gate.name)
        if other != gate.name:
            yield f"{_STREAMS}.{gate.name}: its gate would be that of {other} ({gate.address}, made of the name); call it otherwise"


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _too_many_addresses: set(),
    _pools_without_pacing: {"pacing", "domains"},
    _nothing_in_default: {"pacing"},
    _unknown_pools: {"pacing", "hosts"},
    _streams_without_addresses: {"pacing", "hosts", "domains", "logins"},
    _unknown_relays: {"pacing"},
    _passing_by_a_wrong_address: {"pacing"},
    _shared_gates: {"pacing"},
}
