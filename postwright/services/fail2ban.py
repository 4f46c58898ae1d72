"""fail2ban: bans addresses that fail to log in, where everybody may try. It puts them into the sets of ``bans``.

Never banned: this host and the others of the fleet, the networks the inventory names, and who has just logged in by SSH.
"""

from __future__ import annotations

from postwright.model import IPNetwork
from postwright.render import template
from postwright.services import firewall, mailboxes, postfix, submission
from postwright.services.parts import Check, Context, HostFile, Service

_ETC = "/etc/fail2ban"
_LOOPBACK = ("127.0.0.0/8", "::1/128")
UNIT = "fail2ban.service"
_FILES = {
    f"{_ETC}/jail.d/postwright.local": "jails.local.j2",
    f"{_ETC}/fail2ban.d/postwright.local": "server.local.j2",
    f"{_ETC}/action.d/postwright.conf": "action.conf.j2",
    f"/etc/systemd/system/{UNIT}.d/postwright.conf": "unit.conf.j2",
}


def _files(context: Context) -> tuple[HostFile, ...]:
    said = {
        "said": context.fleet.fail2ban,
        "ssh": _ssh_is_open(context),
        "logins": submission.wanted(context),
        "mailboxes": mailboxes.wanted(context),
        "postfix": postfix.unit(context.release),
        "ignored": ignored(context),
    }
    exempt = HostFile("/etc/postwright/ban-exempt", template("fail2ban/exempt.j2", context), mode=0o755)
    return (exempt, *(HostFile(path, template(f"fail2ban/{name}", context, **said)) for path, name in _FILES.items()))


def ignored(context: Context) -> list[str]:
    """The networks and addresses that are never banned, each once, in a stable order."""
    fleet = context.fleet
    networks: list[IPNetwork] = [*fleet.firewall.ssh_from, *context.host.trusted_networks]
    networks += [fleet.management.network] if fleet.management else []
    networks += fleet.fail2ban.ignore if fleet.fail2ban else ()
    hosts = [str(address.ip) for host in fleet.hosts for address in host.addresses]
    return list(dict.fromkeys([*_LOOPBACK, *map(str, networks), *hosts]))


def _ssh_is_open(context: Context) -> bool:
    return not (context.fleet.firewall.ssh_from or firewall.only_by_tunnel(context))


def jails(context: Context) -> list[str]:
    """The jails that are on."""
    said = {
        "sshd": _ssh_is_open(context),
        "postfix-sasl": submission.wanted(context),
        "dovecot": mailboxes.wanted(context),
    }
    return [name for name, on in said.items() if on]


def wanted(context: Context) -> bool:
    """Where anybody may try to log in."""
    return context.fleet.fail2ban is not None and context.fleet.firewall.bans and bool(jails(context))


SERVICE = Service(
    name="fail2ban",
    title="fail2ban",
    # It reads the journal by python3-systemd, which its package only recommends.
    packages=("fail2ban", "python3-systemd"),
    files=_files,
    # It says on standard output that all is well.
    checks=(Check("fail2ban-client -t >/dev/null"),),
    unit=lambda _release: UNIT,
    ready="fail2ban-client ping >/dev/null",
    wanted=wanted,
)
