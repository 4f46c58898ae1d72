"""A systemd sandbox for the services of a mail host: a drop-in beside the stamp's, part of what their stamp is of.

``EXPOSURE`` is what `systemd-analyze security` may count at most, a check of `verify`. chrony's unit is Debian's own
sandbox, and the pacing agent's is in its own unit.
"""

from __future__ import annotations

from postwright.render import template
from postwright.services.parts import Context, HostFile, Service

# Exposure of a service's unit, the same on Debian 12 and 13; 10 is all there can be. docs/hardening.md has those without it.
EXPOSURE = {
    "base": 3.5,
    "resolver": 2.7,
    "opendkim": 0.4,
    "opendkim-ed25519": 0.4,
    "submission": 2.9,
    "pacing": 1.3,
    "fail2ban": 2.6,
    "postfix": 3.3,
}
_TEMPLATES = {
    "resolver": "resolver",
    "opendkim": "opendkim",
    "opendkim-ed25519": "opendkim",
    "submission": "submission",
    "fail2ban": "fail2ban",
    "postfix": "postfix",
}


def drop_ins(service: Service, context: Context) -> tuple[HostFile, ...]:
    """The sandbox of a service's unit; nothing for services that need none of ours."""
    name = _TEMPLATES.get(service.name)
    if name is None or service.unit is None or not context.fleet.hardening.sandbox:
        return ()
    unit = service.unit(context.release)
    text = template("hardening/sandbox.conf.j2", context, unit=unit, kind=name)
    return (HostFile(f"/etc/systemd/system/{unit}.d/postwright-sandbox.conf", text),)
