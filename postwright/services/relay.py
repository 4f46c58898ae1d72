"""What Postfix logs in with at the relay that takes what overflows."""

from __future__ import annotations

from postwright.lanes import RELAY_PASSWORDS, paced
from postwright.services.parts import Check, Context, HostFile, Service


def _files(context: Context) -> tuple[HostFile, ...]:
    pacing = paced(context.fleet, context.host)
    if pacing is None or pacing.relay is None:
        raise AssertionError(context.host.name)
    entry = f"{pacing.relay.nexthop} {pacing.relay.login}:{context.secrets.relay_password}\n"
    return (HostFile(RELAY_PASSWORDS, entry.encode(), mode=0o600, secret=True),)


def _wanted(context: Context) -> bool:
    pacing = paced(context.fleet, context.host)
    return bool(pacing and pacing.relay and pacing.relay.login)


SERVICE = Service(
    name="relay",
    title="relay",
    # Postfix knows no way to log in without them.
    packages=("libsasl2-modules",),
    files=_files,
    # One login at one server; Postfix itself says nothing of a line that is none.
    checks=(Check(f"! grep -Eqv '^\\[[^]]+\\]:[0-9]+ [^ :]+:.+$' {RELAY_PASSWORDS}"),),
    # Postfix uses it until it has been restarted without.
    lasting=(RELAY_PASSWORDS,),
    wanted=_wanted,
)
