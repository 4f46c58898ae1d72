"""The table bans are put into, by fail2ban or by hand; apart from the packet filter's, whose rules come and go."""

from __future__ import annotations

from postwright.render import template
from postwright.services import firewall
from postwright.services.parts import Check, Context, HostFile, Service

RULES = "/etc/postwright/bans.nft"
TABLE = "postwright_bans"
UNIT = "postwright-bans.service"
# Sets and their flags: for the failures of SSH and of submission, and what is shut out altogether, networks too.
SETS = (("ssh", "timeout"), ("login", "timeout"), ("banned", "interval,timeout"))


def _files(context: Context) -> tuple[HostFile, ...]:
    ports = {"ssh": list(context.fleet.firewall.ssh_ports), "login": firewall.login_ports(context)}
    closed = [("banned", []), *((name, found) for name, found in ports.items() if found)]
    return (
        HostFile(RULES, template("firewall/bans.nft.j2", context, sets=SETS, closed=closed)),
        HostFile(f"/etc/systemd/system/{UNIT}", template("firewall/bans.service.j2", context)),
    )


def wanted(context: Context) -> bool:
    return context.fleet.firewall.bans


SERVICE = Service(
    name="bans",
    title="bans",
    packages=("nftables",),
    files=_files,
    checks=(Check(f"nft -c -f {RULES}"),),
    unit=lambda _release: UNIT,
    ready=f"nft list table inet {TABLE} >/dev/null",
    # Says how the table goes when it is stopped for good.
    lasting=(f"/etc/systemd/system/{UNIT}",),
    wanted=wanted,
)
