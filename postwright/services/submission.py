"""Authenticated submission: Dovecot as Postfix's SASL server. Where there are mailboxes, its unit has them too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from postwright.model import Fleet, Host, Login
from postwright.render import template
from postwright.services import mailboxes, tls
from postwright.services.parts import Check, Context, HostFile, Service
from postwright.tls_suites import STRONG_LIST

PASSWORDS = "/etc/dovecot/submission.passwd"
PREVIOUS = "/etc/dovecot/submission-previous.passwd"
SENDERS = "/etc/postfix/senders"  # who may send as whom: Postfix reads it, and OpenDKIM for each message
LOGINS = "/etc/postwright/logins"


def _files(context: Context) -> tuple[HostFile, ...]:
    """Dovecot looks at its password files at every login, so a change of users restarts nothing."""
    if not needs_dovecot(context):
        return ()
    hashes = context.secrets.password_hashes if wanted(context) else {}
    previous = PREVIOUS if context.fleet.users and wanted(context) else ""
    name = "submission/dovecot-2.3.conf.j2" if context.release == "12" else "submission/dovecot.conf.j2"
    values = {
        "mailboxes": mailboxes.settings(context), "certificate": tls.CERTIFICATE, "key": tls.KEY, "ciphers": STRONG_LIST
    }  # fmt: skip
    return (
        HostFile(
            "/etc/dovecot/dovecot.conf", template(name, context, passwords=PASSWORDS, previous=previous, **values)
        ),
        _passwords(PASSWORDS, context, hashes),
        *([_passwords(previous, context, context.secrets.previous_hashes), _summary(context)] if previous else []),
    )


def _passwords(path: str, context: Context, hashes: Mapping[str, str]) -> HostFile:
    """A passwd-file of Dovecot: login, hash, and the networks the login may come from (allow_nets)."""
    networks = {it.login: ",".join(map(str, it.networks)) for it in context.fleet.logins if it.networks}
    lines = (
        f"{login}:{mailboxes.with_scheme(value)}" + (f"::::::allow_nets={networks[login]}" if login in networks else "")
        for login, value in sorted(hashes.items())
    )
    text = "".join(f"{line}\n" for line in lines)
    return HostFile(path, text.encode(), mode=0o640, group="dovecot", secret=True, taken_up="use")


def _summary(context: Context) -> HostFile:
    """What may be said aloud of the users, so that a plan shows whose password changes; nothing reads it."""
    notes = context.secrets.password_notes
    lines = [
        f"{login.login}: {'; '.join(_said(login, notes))}" for login in context.fleet.logins if login.login in notes
    ]
    text = "".join(f"{line}\n" for line in ["# Made by postwright: its users, for people to read.", *sorted(lines)])
    return HostFile(LOGINS, text.encode(), taken_up="use")


def _said(login: Login, notes: Mapping[str, str]) -> Iterator[str]:
    yield notes[login.login]
    if login.networks:
        yield f"from {', '.join(map(str, login.networks))}"
    if login.certificates:
        yield f"certificates {', '.join(login.certificates)}"


def wanted_on(fleet: Fleet, host: Host) -> bool:
    """Only where somebody may log in."""
    return "submission" in host.roles and bool(fleet.logins)


def wanted(context: Context) -> bool:
    return wanted_on(context.fleet, context.host)


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
