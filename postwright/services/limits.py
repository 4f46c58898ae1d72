"""Limits of logins: an agent that Postfix asks on the submission ports before it takes a message in.

Its code is Python that lies below /etc/postwright, read from this very package. Debian's policyd-rate-limit is not used:
that of Debian 12 counts recipients at RCPT only, no version has limits of messages and of recipients at once, the two
releases want different configurations, and its cleaning forgets what limits of single logins still need.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

from postwright import clock
from postwright.model import Fleet, Host, Limits, Login
from postwright.render import template
from postwright.services import submission
from postwright.services.parts import Check, Context, HostFile, Service, sound_units

CODE = "/etc/postwright/limits"
CONFIGURATION = "/etc/postwright/limits.json"
SOCKET = "/var/spool/postfix/limits/policy.sock"
UNIT = "postwright-limits.service"
_UNITS = {
    f"/etc/systemd/system/{UNIT}": "agent.service.j2",
    "/etc/systemd/system/postwright-limits.socket": "agent.socket.j2",
}
_SHARED = ("__init__.py", "clock.py", "policy.py", "server.py", "systemd.py")
_KINDS = tuple(Limits.model_fields)


def _files(context: Context) -> tuple[HostFile, ...]:
    text = json.dumps(configuration(context.fleet), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    said = {"code": CODE, "configuration": CONFIGURATION, "socket": SOCKET}
    return (
        *_code(),
        HostFile(CONFIGURATION, text.encode(), taken_up="use"),
        *(HostFile(path, template(f"limits/{name}", context, **said)) for path, name in _UNITS.items()),
    )


def _code() -> Iterator[HostFile]:
    """The package as far as the agent needs it, under its own name."""
    root = resources.files("postwright")
    own = sorted(it.name for it in (root / "limits").iterdir() if it.name.endswith(".py"))
    names = ["__init__.py", *(f"pacing/{name}" for name in _SHARED), *(f"limits/{name}" for name in own)]
    for name in names:
        yield HostFile(f"{CODE}/postwright/{name}", root.joinpath(*name.split("/")).read_bytes())


def configuration(fleet: Fleet) -> dict[str, Any]:
    """What limits.json says; ``limits.config`` reads it. Only logins with limits of their own are named."""
    return {
        "format": 1,
        "failure": fleet.user_limits.failure,
        "default": _numbers(fleet.user_limits, Limits()),
        "logins": {
            it.login.lower(): _numbers(fleet.user_limits, it.limits) for it in fleet.logins if it.limits != Limits()
        },
        "certificates": {print_: it.login.lower() for it in fleet.logins for print_ in it.certificates},
        "lab_clock": clock.on_hosts(it.name for it in fleet.domains),
    }


def _numbers(default: Limits, own: Limits) -> dict[str, int]:
    """A login's own number, else that of all; what is unlimited is left out."""
    found = {kind: getattr(own, kind) or getattr(default, kind) for kind in _KINDS}
    return {kind: number for kind, number in found.items() if isinstance(number, int)}


def limited(fleet: Fleet) -> bool:
    """Whether anybody has a limit."""

    def has(limits: Limits) -> bool:
        return bool(_numbers(limits, limits))

    return has(fleet.user_limits) or any(has(login.limits) for login in _with_limits(fleet))


def _with_limits(fleet: Fleet) -> Iterator[Login]:
    return (login for login in fleet.logins if login.limits != Limits())


def wanted_on(fleet: Fleet, host: Host) -> bool:
    return submission.wanted_on(fleet, host) and limited(fleet)


def wanted(context: Context) -> bool:
    return wanted_on(context.fleet, context.host)


def when_down(fleet: Fleet) -> str:
    """What Postfix is to do with a message while the agent does not answer."""
    return (
        "DUNNO" if fleet.user_limits.failure == "pass" else "451 4.3.0 limits cannot be looked up now, try again later"
    )


SERVICE = Service(
    name="limits",
    title="limits of logins",
    packages=("python3",),
    files=_files,
    checks=(
        # -B: what is staged must stay as it is.
        Check(f"PYTHONPATH={CODE} python3 -B -P -s -m postwright.limits check {CONFIGURATION}"),
        sound_units(*_UNITS),
    ),
    unit=lambda _release: UNIT,
    ready=f"test -S {SOCKET}",
    # Postfix asks the agent until it has been restarted without it.
    lasting=(f"{CODE}/", CONFIGURATION, *_UNITS),
    wanted=wanted,
)
