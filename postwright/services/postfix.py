"""Postfix: takes mail in from those who may, hands it to the signer, sends it out."""

from __future__ import annotations

from postwright.model import Domain
from postwright.render import template
from postwright.services import opendkim, submission, tls
from postwright.services.parts import Check, Context, HostFile, Service

ETC = "/etc/postfix"
PROOF_PORT = 10925  # on 127.0.0.1: takes the messages an apply proves signing with, and holds them


def _files(context: Context) -> tuple[HostFile, ...]:
    inbound = _inbound(context)
    values = {
        # The host's own name is in mydestination, and a name may not be in both.
        "alias_domains": [
            *(domain.name for domain in inbound if domain.name != context.host.fqdn),
            *return_paths(context),
        ],
        "submission": submission.wanted(context),
        "certificate": tls.CERTIFICATE,
        "key": tls.KEY,
        "senders": senders(context),
        "aliases": aliases(context, inbound),
        "proof_port": PROOF_PORT,
        "milters": opendkim.milters(context),
    }
    names = ("main.cf", "master.cf", "virtual", "senders", "submission_headers")
    return tuple(HostFile(f"{ETC}/{name}", template(f"postfix/{name}.j2", context, **values)) for name in names)


def _inbound(context: Context) -> list[Domain]:
    """The domains whose MX is this host."""
    if "mx" not in context.host.roles:
        return []
    return [domain for domain in context.fleet.domains_of(context.host) if domain.mx == "hosts"]


def return_paths(context: Context) -> list[str]:
    """The names bounces of delegated domains come back to, led to this host by CNAME and MX."""
    if "mx" not in context.host.roles:
        return []
    return [domain.return_path for domain in context.fleet.domains_of(context.host) if domain.return_path]


def aliases(context: Context, inbound: list[Domain]) -> list[tuple[str, str]]:
    """Address → target. postmaster and abuse are there always (RFC 2142); local part ``*`` is the rest of a domain."""
    to = context.fleet.postmaster
    own = ("root", "postmaster", "abuse", "mailer-daemon")
    table = {f"{local}@{name}": to for name in (context.host.fqdn, "localhost") for local in own}
    for domain in inbound:
        entries = sorted({"postmaster": to, "abuse": to, **domain.aliases}.items())
        table |= {f"{'' if local == '*' else local}@{domain.name}": target for local, target in entries}
    # Whatever the local part: clients that tell bounces apart by it (VERP) make up their own.
    table |= {f"@{name}": to for name in return_paths(context)}
    return list(table.items())


def senders(context: Context) -> list[tuple[str, str]]:
    """Sender (or @domain) → the logins that may use it, as smtpd_sender_login_maps wants it.

    Who may send as a domain, or as an address of it, may also have its bounces come to the domain's return path. A
    delegated domain whose owner has not led it to us yet has no key, and nobody may send for it: it would be unsigned.
    """
    signed = {key.domain for key in context.secrets.signing_keys}
    unsigned = {domain.name for domain in context.fleet.domains if domain.delegated} - signed
    paths = {domain.name: f"@{domain.return_path}" for domain in context.fleet.domains if domain.return_path}
    table: dict[str, set[str]] = {}
    for login in context.fleet.logins:
        for sender in (it for it in login.senders if it.partition("@")[2] not in unsigned):
            for allowed in {sender, paths.get(sender.partition("@")[2], sender)}:
                table.setdefault(allowed, set()).add(login.login)
    return [(sender, ",".join(sorted(logins))) for sender, logins in sorted(table.items())]


SERVICE = Service(
    name="postfix",
    title="Postfix",
    packages=("postfix",),
    files=_files,
    checks=(
        Check("postconf -n >/dev/null", silent=True),
        Check("postconf -M >/dev/null", silent=True),
        Check("postfix check"),
    ),
    unit=lambda release: "postfix@-.service" if release == "12" else "postfix.service",
    uses=("tls", "resolver"),
    ready="ss -Hltn sport = :25 | grep -q .",
)
