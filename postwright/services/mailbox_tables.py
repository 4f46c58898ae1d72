"""What Postfix is told of mailboxes: those of this host go to Dovecot, those of another of our hosts to that one. Pure."""

from __future__ import annotations

from postwright.mailboxes import end_of, held_elsewhere
from postwright.model import Host
from postwright.services import mailboxes
from postwright.services.addresses import aliases, mailbox_domains
from postwright.services.parts import Context, HostFile

ETC = "/etc/postfix"
QUOTA_CLASS = "mailbox_quota"
MOVED_CLASS = "mailbox_moved"


def settings(context: Context) -> dict[str, object] | None:
    """What the templates need; None where the fleet has no mailbox."""
    if not context.fleet.mailboxes:
        return None
    return {
        "domains": mailbox_domains(context),
        "held": mailboxes.wanted(context),
        "peers": mailboxes.wanted(context) and bool(_peers(context)),
        "elsewhere": bool(held_elsewhere(context.fleet, context.host)),
        "lmtp": mailboxes.LMTP_SOCKET,
        "quota": mailboxes.QUOTA_SOCKET,
        "quota_class": QUOTA_CLASS,
        "moved_class": MOVED_CLASS,
    }


def classes(context: Context) -> list[str]:
    """The restriction classes the templates use."""
    held, elsewhere = mailboxes.wanted(context), held_elsewhere(context.fleet, context.host)
    return [*([QUOTA_CLASS] if held else []), *([MOVED_CLASS] if elsewhere else [])]


def files(context: Context) -> tuple[HostFile, ...]:
    """The tables, each where main.cf names it."""
    if not context.fleet.mailboxes:
        return ()
    domains = set(mailbox_domains(context))
    known = {it: "mailbox" for it in context.fleet.mailboxes if it.partition("@")[2] in domains}
    tables = {"mailboxes": known}
    if held_elsewhere(context.fleet, context.host):
        tables |= _elsewhere(context)
    if mailboxes.wanted(context) and (peers := _peers(context)):
        probes = {f"double-bounce@{host.fqdn}": QUOTA_CLASS for host in peers}
        tables |= {"mailbox_probes": probes, "mailbox_peers": _addresses(peers, "OK")}
    return tuple(HostFile(f"{ETC}/{name}", _text(table)) for name, table in tables.items())


def _peers(context: Context) -> list[Host]:
    """The other hosts: each hands on mail for mailboxes it does not hold to the one that does."""
    return [host for host in context.fleet.hosts if host != context.host]


def _addresses(hosts: list[Host], answer: str) -> dict[str, str]:
    return {str(address.ip): answer for host in hosts for address in host.addresses}


def _elsewhere(context: Context) -> dict[str, dict[str, str]]:
    """The tables on mailboxes that other hosts hold; what one of ours hands to us in the belief that we do is refused for now."""
    moved = "450 4.3.5 this host does not hold this mailbox, as far as it knows; try again later"
    return {
        "mailbox_transport": _transport(context),
        "mailbox_verify": _verify(context),
        "mailbox_handed": _addresses(_peers(context), MOVED_CLASS),
        "mailbox_moved": dict.fromkeys(held_elsewhere(context.fleet, context.host), moved),
    }


def _transport(context: Context) -> dict[str, str]:
    """Mailbox → the host that holds it."""
    return {it: f"mailbox:[{host.fqdn}]" for it, host in held_elsewhere(context.fleet, context.host).items()}


def _verify(context: Context) -> dict[str, str]:
    """Address, or the rest of a domain → whether the host that holds its mailbox is asked first."""
    elsewhere = held_elsewhere(context.fleet, context.host)
    ends = {address: end_of(context.fleet, target) for address, target in aliases(context)}
    asked = {it: "reject_unverified_recipient" if end in elsewhere else "DUNNO" for it, end in ends.items()}
    return {it.removeprefix("@"): said for it, said in asked.items()}


def _text(table: dict[str, str]) -> bytes:
    lines = (f"{key} {value}\n" for key, value in sorted(table.items()))
    return ("# Made by postwright; changes here are replaced by the next apply.\n" + "".join(lines)).encode()
