"""The addresses a host takes mail for, and where each is led: what Postfix's and Dovecot's tables are made from. Pure."""

from __future__ import annotations

from postwright.mailboxes import bounces_to, taken
from postwright.model import Domain
from postwright.services.parts import Context


def own_domains(context: Context) -> list[str]:
    """The domains whose mail is not sent on as it came, but where an alias leads it."""
    return [context.host.fqdn, "localhost", *alias_domains(context), *mailbox_domains(context)]


def alias_domains(context: Context) -> list[str]:
    """Those without a mailbox. The host's own name is in mydestination, and a name may not be in both."""
    kept = {context.host.fqdn, *mailbox_domains(context)}
    return [*(domain.name for domain in inbound_domains(context) if domain.name not in kept), *return_paths(context)]


def mailbox_domains(context: Context) -> list[str]:
    """Those with a mailbox, whichever of their hosts holds it."""
    return [domain.name for domain in inbound_domains(context) if context.fleet.mailboxes_of(domain)]


def inbound_domains(context: Context) -> list[Domain]:
    """The domains whose MX is this host."""
    if "mx" not in context.host.roles:
        return []
    return [domain for domain in context.fleet.domains_of(context.host) if domain.mx == "hosts"]


def return_paths(context: Context) -> list[str]:
    """The names bounces of delegated domains come back to, led to this host by CNAME and MX."""
    if "mx" not in context.host.roles:
        return []
    return [domain.return_path for domain in context.fleet.domains_of(context.host) if domain.return_path]


def aliases(context: Context) -> list[tuple[str, str]]:
    """Address → target, or @domain → target for the rest of a domain. A mailbox leads to itself, so that a rest does not take it."""
    fleet, to = context.fleet, context.fleet.postmaster
    own = ("root", "postmaster", "abuse", "mailer-daemon")
    table = {f"{local}@{name}": to for name in (context.host.fqdn, "localhost") for local in own}
    for domain in inbound_domains(context):
        entries = sorted(taken(fleet, domain).items())
        table |= {f"{'' if local == '*' else local}@{domain.name}": target for local, target in entries}
    # Whatever the local part: clients that tell bounces apart by it (VERP) make up their own.
    table |= {f"@{name}": bounces_to(fleet) for name in return_paths(context)}
    return list(table.items())
