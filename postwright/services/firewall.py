"""The packet filter: a table of our own beside whatever else the host has, activated with a timed roll-back."""

from __future__ import annotations

from postwright.render import template
from postwright.services.parts import Check, Context, HostFile, Service


def _files(context: Context) -> tuple[HostFile, ...]:
    mail_ports = [25] if "mx" in context.host.roles else []
    mail_ports += [465, 587] if "submission" in context.host.roles else []
    return (
        HostFile("/etc/postwright/firewall.nft", template("firewall/firewall.nft.j2", context, mail_ports=mail_ports)),
        HostFile("/etc/systemd/system/postwright-firewall.service", template("firewall/unit.service.j2", context)),
    )


SERVICE = Service(
    name="firewall",
    title="firewall",
    packages=("nftables",),
    files=_files,
    checks=(Check("nft -c -f /etc/postwright/firewall.nft"),),
    unit=lambda _release: "postwright-firewall.service",
)
