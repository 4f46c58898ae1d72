"""Postfix: takes mail in from those who may, hands it to the signer, sends it out."""

from __future__ import annotations

from postwright.lanes import UNBIND, paced
from postwright.render import template
from postwright.services import certified, forwards, limits, mailbox_tables, opendkim, submission, tls
from postwright.services.addresses import alias_domains
from postwright.services.outbound import outbound
from postwright.services.parts import Check, Context, HostFile, Release, Service, TakenUp
from postwright.services.sizing import size
from postwright.tls_suites import STRONG_LIST

ETC = "/etc/postfix"
DRAINED = "/etc/postwright/drained"  # there: the host takes no mail in, until `apply --undrain`
PROOF_PORT = 10925  # on 127.0.0.1: takes the messages an apply proves signing with, and holds them


def _files(context: Context) -> tuple[HostFile, ...]:
    allowed, held_to = senders(context), submission.wanted(context) and context.fleet.from_header != "any"
    clients = certified.certified(context, allowed) if submission.wanted(context) else ()
    values = {
        "alias_domains": alias_domains(context),
        "mailboxes": mailbox_tables.settings(context),
        "submission": submission.wanted(context),
        "certificate": tls.CERTIFICATE,
        "key": tls.KEY,
        "senders": allowed,
        "certified": clients,
        "certificates": certified.TABLE,
        "classes": _classes(context, clients),
        "aliases": forwards.virtual(context),
        "forwards": forwards.wanted(context),
        "proof_port": PROOF_PORT,
        "milters": opendkim.milters(context),
        "pacing": paced(context.fleet, context.host),
        "limits": limits.when_down(context.fleet) if limits.wanted(context) else "",
        "drained": context.drained,
        "outbound": outbound(context.fleet),
        "from_headers": held_to,
        "ciphers": STRONG_LIST,
        "size": size(context.cores, context.memory),
    }
    names = ["main.cf", "master.cf", "virtual", "senders", "submission_headers", *(["from_headers"] if held_to else [])]
    made = (
        HostFile(f"{ETC}/{name}", template(f"postfix/{name}.j2", context, **values), taken_up=_taken_up(context, name))
        for name in names
    )
    tables = (HostFile(path, text, taken_up=_taken_up(context, "senders")) for path, text in certified.tables(clients))
    return (
        *_drained(context),
        *made,
        *tables,
        *forwards.files(context),
        *mailbox_tables.files(context),
        *_stream_headers(context),
        *_paced_unit(context),
    )


def _classes(context: Context, clients: tuple[certified.Certified, ...]) -> list[str]:
    """The restriction classes of this host, whoever needs them: main.cf can name them in one place only."""
    pacing = paced(context.fleet, context.host)
    lanes = ["pace_agent_down", *(lane.holding for lane in pacing.lanes)] if pacing else []
    return [*(it.name for it in clients), *mailbox_tables.classes(context), *lanes]


def _taken_up(context: Context, name: str) -> TakenUp:
    """Where users come and go by commands, who may send as whom is taken up without turning anybody away."""
    return "reload" if name == "senders" and context.fleet.users else "start"


def _drained(context: Context) -> tuple[HostFile, ...]:
    """The host's own note that it is drained. First, so that a run cut off in the middle of it is gone on with."""
    text = b"This host takes no mail in. `postwright apply --undrain` lets it again.\n"
    return (HostFile(DRAINED, text, taken_up="use"),) if context.drained else ()


def _stream_headers(context: Context) -> tuple[HostFile, ...]:
    """The table that knows streams by their headers, where there are such streams."""
    pacing = paced(context.fleet, context.host)
    if pacing is None or not pacing.headers:
        return ()
    lines = template("postfix/stream_headers.j2", context, gates=pacing.gates)
    return (HostFile(f"{ETC}/stream_headers", lines),)


def _paced_unit(context: Context) -> tuple[HostFile, ...]:
    """What pacing asks of Postfix's unit."""
    if not context.fleet.paces(context.host):
        return ()
    path = f"/etc/systemd/system/{unit(context.release)}.d/postwright-pacing.conf"
    return (HostFile(path, template("postfix/pacing.conf.j2", context, unbind=UNBIND)),)


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
    uses=("tls", "resolver", "relay", "outbound"),
    ready="ss -Hltn sport = :25 | grep -q .",
    # The arguments of the running master name them, and each new process of it opens them.
    lasting=(certified.TABLE, f"{ETC}/{certified.CLASS}", f"{ETC}/from_headers", f"{ETC}/stream_headers"),
)
