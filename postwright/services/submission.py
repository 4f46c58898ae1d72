"""Authenticated submission: Dovecot as Postfix's SASL server. Where there are mailboxes, its unit has them too."""

from __future__ import annotations

from postwright.render import template
from postwright.services import mailboxes, tls
from postwright.services.parts import Check, Context, HostFile, Service

PASSWORDS = "/etc/dovecot/submission.passwd"


def _files(context: Context) -> tuple[HostFile, ...]:
    if not needs_dovecot(context):
        return ()
    logins = context.secrets.password_hashes if wanted(context) else {}
    passwords = "".join(f"{login}:{_scheme(value)}\n" for login, value in sorted(logins.items()))
    name = "submission/dovecot-2.3.conf.j2" if context.release == "12" else "submission/dovecot.conf.j2"
    values = {"mailboxes": mailboxes.settings(context), "certificate": tls.CERTIFICATE, "key": tls.KEY}
    return (
        HostFile("/etc/dovecot/dovecot.conf", template(name, context, passwords=PASSWORDS, **values)),
        HostFile(PASSWORDS, passwords.encode(), mode=0o640, group="dovecot", secret=True),
    )


def _scheme(password_hash: str) -> str:
    """crypt(3) output as Dovecot wants it; one that names its scheme already is left alone."""
    return password_hash if password_hash.startswith("{") else "{CRYPT}" + password_hash


def wanted(context: Context) -> bool:
    """Only where somebody may log in."""
    return "submission" in context.host.roles and bool(context.fleet.logins)


def needs_dovecot(context: Context) -> bool:
    """Whether anybody asks Dovecot for anything."""
    return wanted(context) or mailboxes.wanted(context)


SERVICE = Service(
    name="submission",
    title="submission",
    packages=("dovecot-core",),
    files=_files,
    checks=(Check("doveconf -c /etc/dovecot/dovecot.conf -n >/dev/null", silent=True),),
    unit=lambda _release: "dovecot.service",
    uses=("mailboxes",),
    ready=f"test -S /var/spool/postfix/private/auth && {{ ! test -e {mailboxes.PASSWORDS} || ss -Hltn sport = :993 | grep -q .; }}",
    wanted=needs_dovecot,
)
