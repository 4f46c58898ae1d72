"""The management network: a WireGuard interface whose peers are the operators' machines."""

from __future__ import annotations

from postwright.model import Management
from postwright.render import template
from postwright.services.parts import Check, Context, HostFile, Service

INTERFACE = "postwright"
UNIT = "postwright-wireguard.service"
CONFIGURATION = "/etc/postwright/wireguard.conf"
_SCRIPT = "/etc/postwright/wireguard-up"
_UNIT_FILE = f"/etc/systemd/system/{UNIT}"
FILES = (CONFIGURATION, _SCRIPT, _UNIT_FILE)


def _files(context: Context) -> tuple[HostFile, ...]:
    management = _management(context)
    values = {
        "management": management,
        "private_key": context.secrets.management_key,
        "address": f"{context.host.management}/{management.network.prefixlen}",
        "configuration": CONFIGURATION,
        "interface": INTERFACE,
        "script": _SCRIPT,
        "unit": UNIT,
    }
    return (
        HostFile(CONFIGURATION, template("wireguard/wireguard.conf.j2", context, **values), mode=0o600, secret=True),
        HostFile(_SCRIPT, template("wireguard/up.j2", context, **values), mode=0o755),
        HostFile(_UNIT_FILE, template("wireguard/unit.service.j2", context, **values)),
    )


def _management(context: Context) -> Management:
    if context.fleet.management is None or context.host.management is None:
        raise AssertionError(context.host.name)
    return context.fleet.management


def wanted(context: Context) -> bool:
    return context.fleet.management is not None and context.host.management is not None


# The real thing, in an empty network namespace: there is no dry run of `wg setconf`. Its name is used once: where WireGuard
# is a process, the one before may still be clearing up.
_TRIED = f"unshare --net sh -c '{_SCRIPT} pw-$$; status=$?; ip link delete pw-$$ 2>/dev/null; exit $status'"

SERVICE = Service(
    name="wireguard",
    title="management network",
    packages=("wireguard-tools",),
    files=_files,
    checks=(Check(_TRIED),),
    unit=lambda _release: UNIT,
    ready=f"wg show {INTERFACE} public-key >/dev/null",
    # Says how the interface goes when it is stopped for good.
    lasting=(_UNIT_FILE,),
    wanted=wanted,
)
