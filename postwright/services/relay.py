"""What Postfix logs in with at the relays that take what overflows, or all mail of a stream."""

from __future__ import annotations

from postwright.lanes import RELAY_PASSWORDS, Smarthost, paced
from postwright.services.parts import Check, Context, HostFile, Service


def _files(context: Context) -> tuple[HostFile, ...]:
    return tuple(_table(context, it) for it in _with_login(context))


def _table(context: Context, it: Smarthost) -> HostFile:
    entry = f"{it.relay.nexthop} {it.relay.login}:{context.secrets.relay_passwords[it.name]}\n"
    return HostFile(it.passwords, entry.encode(), mode=0o600, secret=True)


def _with_login(context: Context) -> list[Smarthost]:
    pacing = paced(context.fleet, context.host)
    return [it for it in pacing.relays if it.relay.login] if pacing else []


def _wanted(context: Context) -> bool:
    return bool(_with_login(context))


SERVICE = Service(
    name="relay",
    title="relay",
    # Postfix knows no way to log in without them.
    packages=("libsasl2-modules",),
    files=_files,
    # One login at one server, in the table of each relay; Postfix itself says nothing of a line that is none.
    checks=(
        Check(
            f"set -- $(ls -d {RELAY_PASSWORDS} {RELAY_PASSWORDS}_* 2>/dev/null); "
            "test $# -gt 0 && ! grep -Eqv '^\\[[^]]+\\]:[0-9]+ [^ :]+:.+$' \"$@\""
        ),
    ),
    # Postfix uses it until it has been restarted without.
    lasting=(RELAY_PASSWORDS,),
    wanted=_wanted,
)
