"""Mail to us that an alias leads to somebody else's host: sent on under an address of ours.

Under its own sender it would fail that sender's SPF; and if it were refused there, our bounce would go to a sender who may be
forged. So local(8) expands such aliases: it puts the alias's owner into the envelope (aliases(5)). What comes back goes to who
reads bounces; should that fail too, it ends at Postfix's double-bounce address, which discards. Pure.
"""

from __future__ import annotations

from hashlib import sha256

from postwright.mailboxes import bounces_to, domain_of
from postwright.services.addresses import aliases
from postwright.services.parts import Context, HostFile

TABLE = "/etc/postfix/forwards"
OWNER = "forwarded"


def wanted(context: Context) -> bool:
    """Only hosts that take mail from strangers send such mail on."""
    return "mx" in context.host.roles and any(_leads_away(context, target) for _, target in aliases(context))


def virtual(context: Context) -> list[tuple[str, str]]:
    """``aliases``, with what leads away put through local(8)."""
    table = aliases(context)
    if not wanted(context):
        return table
    last = bounces_to(context.fleet)
    owner = (_owner(context), _LAST if _leads_away(context, last) else last)
    return [owner, *((it, _alias(to) + "@localhost" if _leads_away(context, to) else to) for it, to in table)]


def files(context: Context) -> tuple[HostFile, ...]:
    """local(8)'s table of aliases and their owners."""
    if not wanted(context):
        return ()
    targets = sorted({to for _, to in aliases(context) if _leads_away(context, to)})
    entries = {_alias(to): (to, _owner(context)) for to in targets}
    if _leads_away(context, bounces_to(context.fleet)):
        entries[_LAST.partition("@")[0]] = (bounces_to(context.fleet), f"double-bounce@{context.host.fqdn}")
    lines = (f"{name} {to}\nowner-{name} {owner}\n" for name, (to, owner) in entries.items())
    head = "# Made by postwright: where aliases lead away, and who gets what comes back\n"
    return (HostFile(TABLE, (head + "".join(lines)).encode()),)


_LAST = "forward-bounces@localhost"


def _owner(context: Context) -> str:
    """The sender of what is sent on; its domain is the host's own name, which has an SPF record."""
    return f"{OWNER}@{context.host.fqdn}"


def _alias(target: str) -> str:
    return f"forward-{sha256(target.encode()).hexdigest()[:12]}"


def _leads_away(context: Context, target: str) -> bool:
    return domain_of(context.fleet, target) is None
