"""The table bans are put into, by fail2ban or by hand; apart from the packet filter's, whose rules come and go."""

from __future__ import annotations

from postwright.render import template
from postwright.services import firewall, mailboxes
from postwright.services.parts import Check, Context, HostFile, Service

RULES = "/etc/postwright/bans.nft"
TABLE = "postwright_bans"
UNIT = "postwright-bans.service"
# Sets and their flags: for the failures of SSH, of submission and at mailboxes, each jail its own, for an unban of one does not
# lift the ban of another; and what is shut out altogether, networks too. A new one is the last, as it is in a table that is there.
SETS = (("ssh", "timeout"), ("login", "timeout"), ("banned", "interval,timeout"), ("mailbox", "timeout"))


def _files(context: Context) -> tuple[HostFile, ...]:
    logins = firewall.login_ports(context)
    read = {"mailbox": logins} if mailboxes.wanted(context) else {}
    ports = {"ssh": list(context.fleet.firewall.ssh_ports), "login": logins, **read}
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
