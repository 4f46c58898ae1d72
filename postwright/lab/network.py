"""The lab's network: a bridge, one network namespace per host, and NAT to the outside.

Promise: everything it makes is named after the lab's number; ``detach`` and ``remove`` do nothing where nothing is.
"""

from __future__ import annotations

from pathlib import Path

from postwright.lab.command import run
from postwright.lab.layout import MACHINE, Layout
from postwright.lab.locks import locked
from postwright.lab.shared import NAMESPACES

_NAT = """
table inet {table} {{
  # What is sent here is practice: no mail leaves the machine, whatever address it is for.
  chain forward {{
    type filter hook forward priority filter; policy accept;
    ip saddr {network} oifname != "pw*" tcp dport 25 reject
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {network} oifname != "pw*" masquerade
  }}
}}
"""


def create(layout: Layout) -> None:
    """The bridge with the machine's own address on it, and NAT."""
    bridge = layout.bridge
    _ip(
        f"link add name {bridge} type bridge forward_delay 0 stp_state 0 mcast_snooping 0",
        f"addr add {layout.v4(MACHINE)}/24 dev {bridge}",
        f"addr add {layout.v6(MACHINE)}/64 dev {bridge} nodad",
        f"link set {bridge} up",
    )
    run("nft", "-f", "-", stdin=_NAT.format(table=layout.nat_table, network=f"{layout.v4_prefix}.0/24"))


def attach(layout: Layout, host: str) -> None:
    """A namespace for the host, cabled to the bridge, with addresses and a route."""
    name = layout.unit(host)
    v4, v6 = layout.addresses(host)
    extra = [layout.resolvers] if host == "ns" else []
    with locked("machine"):
        run("ip", "netns", "add", name)
    _ip(
        f"link add {name} type veth peer name eth0 address {layout.mac(host)} netns {name}",
        f"link set {name} master {layout.bridge} up",
    )
    addresses = [(v4, v6), *extra]
    _ip(
        "link set lo up",
        *(f"addr add {four}/24 dev eth0" for four, _ in addresses),
        *(f"addr add {six}/64 dev eth0 nodad" for _, six in addresses),
        "link set eth0 up",
        f"route add default via {layout.v4(MACHINE)}",
        namespace=name,
    )


def detach(layout: Layout, host: str) -> None:
    """Take the host's namespace and cable away."""
    name = layout.unit(host)
    if Path("/sys/class/net", name).exists():
        run("ip", "link", "del", name, check=False)
    if (NAMESPACES / name).exists():
        run("ip", "netns", "del", name)


def remove(layout: Layout) -> None:
    """Take the bridge and NAT away."""
    if exists(layout):
        run("ip", "link", "del", layout.bridge)
    run("nft", "delete", "table", "inet", layout.nat_table, check=False)


def exists(layout: Layout) -> bool:
    """Anyone may ask, root or not."""
    return Path("/sys/class/net", layout.bridge).exists()


def _ip(*commands: str, namespace: str | None = None) -> None:
    within = ("-n", namespace) if namespace else ()
    run("ip", *within, "-batch", "-", stdin="\n".join(commands))
