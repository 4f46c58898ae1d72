"""Authenticated submission: Dovecot as Postfix's SASL server, and nothing else of Dovecot."""

from __future__ import annotations

from postwright.render import template
from postwright.services.parts import Check, Context, HostFile, Service

PASSWORDS = "/etc/dovecot/submission.passwd"


def _files(context: Context) -> tuple[HostFile, ...]:
    if not wanted(context):
        return ()
    passwords = "".join(
        f"{login}:{_scheme(value)}\n" for login, value in sorted(context.secrets.password_hashes.items())
    )
    name = "submission/dovecot-2.3.conf.j2" if context.release == "12" else "submission/dovecot.conf.j2"
    return (
        HostFile("/etc/dovecot/dovecot.conf", template(name, context, passwords=PASSWORDS)),
        HostFile(PASSWORDS, passwords.encode(), mode=0o640, group="dovecot", secret=True),
    )


def _scheme(password_hash: str) -> str:
    """crypt(3) output as Dovecot wants it; one that names its scheme already is left alone."""
    return password_hash if password_hash.startswith("{") else "{CRYPT}" + password_hash


def wanted(context: Context) -> bool:
    """Only where somebody may log in."""
    return "submission" in context.host.roles and bool(context.fleet.logins)


SERVICE = Service(
    name="submission",
    title="submission",
    packages=("dovecot-core",),
    files=_files,
    checks=(Check("doveconf -c /etc/dovecot/dovecot.conf -n >/dev/null", silent=True),),
    unit=lambda _release: "dovecot.service",
    ready="test -S /var/spool/postfix/private/auth",
    wanted=wanted,
)
