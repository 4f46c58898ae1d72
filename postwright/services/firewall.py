"""The packet filter: a table of our own beside whatever else the host has, activated with a timed roll-back."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from postwright.gates import GATE_PORT
from postwright.mailboxes import PORTS
from postwright.model import IPNetwork
from postwright.render import template
from postwright.services import acme, mailboxes, policies, submission, wireguard
from postwright.services.parts import Check, Context, HostFile, Service


def _files(context: Context) -> tuple[HostFile, ...]:
    values = {
        "ports": _ports(context),
        "ssh_from": _ssh_from(context),
        "tunnel": _tunnel(context),
        "gate_port": GATE_PORT if context.fleet.paces(context.host) else None,
    }
    rules = template("firewall/firewall.nft.j2", context, **values)
    return (
        HostFile("/etc/postwright/firewall.nft", rules),
        HostFile("/etc/systemd/system/postwright-firewall.service", template("firewall/unit.service.j2", context)),
    )


def _ports(context: Context) -> list[int]:
    """The TCP ports open to everybody."""
    ports = {25} if context.host.open_on_25 else set()
    ports |= {acme.PORT} if acme.answers_http(context) else set()
    ports |= {policies.PORT} if policies.wanted(context) else set()
    ports |= set(login_ports(context))
    return sorted(ports | set(context.fleet.firewall.extra_tcp))


def login_ports(context: Context) -> list[int]:
    """The TCP ports clients log in on, but SSH's: those a ban closes to who guesses passwords."""
    return [
        *([465, 587] if submission.wanted(context) else []),
        *(PORTS if mailboxes.wanted(context) else []),
    ]


def _tunnel(context: Context) -> dict[str, object] | None:
    """The management network's interface and what is open on it, where there is one."""
    if not wireguard.wanted(context):
        return None
    metrics = context.fleet.pacing.metrics if context.fleet.pacing else None
    inside = {metrics.port} if metrics and not metrics.address.is_loopback else set()
    return {"interface": wireguard.INTERFACE, "ports": sorted({*context.fleet.firewall.ssh_ports, *inside})}


def only_by_tunnel(context: Context) -> bool:
    """Whether SSH is let in by the management network alone."""
    return wireguard.wanted(context) and context.fleet.management is not None and context.fleet.management.only


def _ssh_from(context: Context) -> dict[int, list[IPNetwork]]:
    """The networks SSH may come from by IP version, without overlaps, which nft refuses."""
    networks = () if only_by_tunnel(context) else context.fleet.firewall.ssh_from
    v4 = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    v6 = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    return {4: list(v4), 6: list(v6)}


SERVICE = Service(
    name="firewall",
    title="firewall",
    packages=("nftables",),
    files=_files,
    checks=(Check("nft -c -f /etc/postwright/firewall.nft"),),
    unit=lambda _release: "postwright-firewall.service",
    tried=True,
)
