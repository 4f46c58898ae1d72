"""Mailboxes: Dovecot keeps, for IMAP and POP3, what mail to our own addresses is not led on to others.

Files only: Dovecot's unit is that of ``submission``, which includes the configuration made here and is started anew when it
changes. A password of a mailbox submits nothing, and one of a login reads nothing: each protocol has a table of its own.
Mail is never removed here but by ``keep``; a mailbox that leaves the inventory leaves its folder behind.
"""

from __future__ import annotations

from postwright import values
from postwright.mailboxes import ROOT, end_of, folder, held_by
from postwright.model import Mailbox
from postwright.render import template
from postwright.services.addresses import aliases
from postwright.services.parts import Context, HostFile, Service, sound_units

USER = "postwright-mail"
PASSWORDS = "/etc/dovecot/mailboxes.passwd"
USERS = "/etc/dovecot/mailboxes.users"
UNITS = "/etc/systemd/system"
LMTP_SOCKET = "private/dovecot-lmtp"  # below Postfix's queue directory, where its chroot sees them
QUOTA_SOCKET = "private/dovecot-quota"
_TEMPLATES = {
    f"/etc/sysusers.d/{USER}.conf": "sysusers.conf.j2",
    f"{UNITS}/postwright-mail-user.service": "user.service.j2",
    f"{UNITS}/postwright-mail-keep.service": "keep.service.j2",
    f"{UNITS}/postwright-mail-keep.timer": "keep.timer.j2",
    f"{UNITS}/dovecot.service.d/postwright-mail.conf": "dovecot.service.conf.j2",
}


def wanted(context: Context) -> bool:
    """Whether this host holds a mailbox."""
    return bool(held_by(context.fleet, context.host))


def settings(context: Context) -> dict[str, object] | None:
    """What Dovecot's templates need of mailboxes; None on a host that holds none."""
    if not wanted(context):
        return None
    return {
        "user": USER,
        "root": ROOT,
        "passwords": PASSWORDS,
        "users": USERS,
        "lmtp": f"/var/spool/postfix/{LMTP_SOCKET}",
        "quota": f"/var/spool/postfix/{QUOTA_SOCKET}",
    }


def folders(context: Context) -> tuple[str, ...]:
    """Where the mailboxes of this host lie."""
    return tuple(sorted(map(folder, held_by(context.fleet, context.host))))


def _files(context: Context) -> tuple[HostFile, ...]:
    held = held_by(context.fleet, context.host)
    hashes = context.secrets.mailbox_hashes
    passwords = "".join(f"{it}:{with_scheme(hashes[it])}::::::{_networks(box)}\n" for it, box in sorted(held.items()))
    said = {"user": USER, "root": ROOT, "kept": _kept(held)}
    return (
        HostFile(PASSWORDS, passwords.encode(), mode=0o640, group="dovecot", secret=True),
        HostFile(USERS, "".join(_users(context, held)).encode(), mode=0o640, group="dovecot"),
        *(HostFile(path, template(f"mailboxes/{name}", context, **said)) for path, name in _TEMPLATES.items()),
    )


def with_scheme(password_hash: str) -> str:
    """crypt(3) output as Dovecot wants it; one that names its scheme already is left alone."""
    return password_hash if password_hash.startswith("{") else "{CRYPT}" + password_hash


def _networks(mailbox: Mailbox) -> str:
    return f"allow_nets={','.join(map(str, mailbox.networks))}" if mailbox.networks else ""


def _kept(held: dict[str, Mailbox]) -> list[tuple[str, int]]:
    """Mailbox → seconds its mail is kept for, of those that say so."""
    return sorted((it, int(values.duration(box.keep).total_seconds())) for it, box in held.items() if box.keep)


def _users(context: Context, held: dict[str, Mailbox]) -> list[str]:
    """Everything Dovecot is asked about: mailboxes, and aliases that end in one, for whether it is full is asked of those too."""
    return [_user(context, address, held[box], folder(box)) for address, box in sorted(_ends(context, held).items())]


def _user(context: Context, address: str, mailbox: Mailbox, home: str) -> str:
    limit = (
        f"quota_rule=*:storage={mailbox.quota}" if context.release == "12" else f"quota_storage_size={mailbox.quota}"
    )
    return f"{address}::{USER}:{USER}::{home}::userdb_{limit}\n"


def _ends(context: Context, held: dict[str, Mailbox]) -> dict[str, str]:
    """Address, or @domain for the rest of a domain → the mailbox of this host its mail ends in."""
    ends = {address: end_of(context.fleet, target) for address, target in aliases(context)}
    return {it: end for it, end in ends.items() if end in held} | {it: it for it in held}


SERVICE = Service(
    name="mailboxes",
    title="mailboxes",
    packages=("dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd"),
    files=_files,
    checks=(sound_units(*(it for it in _TEMPLATES if "-keep." in it)),),
    # Who reads mail is served the host's certificate.
    uses=("tls",),
    # Removed when Dovecot has been started without them; a timer that loses its file while it runs counts as failed.
    lasting=(f"{UNITS}/postwright-mail-",),
    wanted=wanted,
)
