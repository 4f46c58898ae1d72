"""Postfix: takes mail in from those who may, hands it to the signer, sends it out."""

from __future__ import annotations

from postwright.lanes import UNBIND, paced
from postwright.model import Domain
from postwright.render import template
from postwright.services import certified, limits, opendkim, submission, tls
from postwright.services.parts import Check, Context, HostFile, Release, Service, TakenUp

ETC = "/etc/postfix"
PROOF_PORT = 10925  # on 127.0.0.1: takes the messages an apply proves signing with, and holds them


def _files(context: Context) -> tuple[HostFile, ...]:
    inbound = _inbound(context)
    allowed = senders(context)
    clients = certified.certified(context, allowed) if submission.wanted(context) else ()
    values = {
        "alias_domains": _alias_domains(context),
        "submission": submission.wanted(context),
        "certificate": tls.CERTIFICATE,
        "key": tls.KEY,
        "senders": allowed,
        "certified": clients,
        "certificates": certified.TABLE,
        "aliases": aliases(context, inbound),
        "proof_port": PROOF_PORT,
        "milters": opendkim.milters(context),
        "pacing": paced(context.fleet, context.host),
        "limits": limits.when_down(context.fleet) if limits.wanted(context) else "",
    }
    names = ("main.cf", "master.cf", "virtual", "senders", "submission_headers")
    made = (
        HostFile(f"{ETC}/{name}", template(f"postfix/{name}.j2", context, **values), taken_up=_taken_up(context, name))
        for name in names
    )
    tables = (HostFile(path, text, taken_up=_taken_up(context, "senders")) for path, text in certified.tables(clients))
    return (*made, *tables, *_paced_unit(context))


def _taken_up(context: Context, name: str) -> TakenUp:
    """Where users come and go by commands, who may send as whom is taken up without turning anybody away."""
    return "reload" if name == "senders" and context.fleet.users else "start"


def _paced_unit(context: Context) -> tuple[HostFile, ...]:
    """What pacing asks of Postfix's unit."""
    if not context.fleet.paces(context.host):
        return ()
    path = f"/etc/systemd/system/{unit(context.release)}.d/postwright-pacing.conf"
    return (HostFile(path, template("postfix/pacing.conf.j2", context, unbind=UNBIND)),)


def own_domains(context: Context) -> list[str]:
    """The domains whose mail is not sent on as it came, but where an alias leads it."""
    return [context.host.fqdn, "localhost", *_alias_domains(context)]


def _alias_domains(context: Context) -> list[str]:
    """The host's own name is in mydestination, and a name may not be in both."""
    inbound = (domain.name for domain in _inbound(context) if domain.name != context.host.fqdn)
    return [*inbound, *return_paths(context)]


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


def unit(release: Release) -> str:
    """Debian 12 runs Postfix as an instance."""
    return "postfix@-.service" if release == "12" else "postfix.service"


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
    unit=unit,
    uses=("tls", "resolver", "relay"),
    ready="ss -Hltn sport = :25 | grep -q .",
)
