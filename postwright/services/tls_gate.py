"""The gate Postfix asks how a receiver must prove itself, and Debian's MTA-STS resolver behind it.

The resolver knows nothing of DANE, and what Postfix finds in a table overrides DANE; so the gate looks DANE up first.
Its code is Python below /etc/postwright, read from this very package, as that of the pacing agent is.
"""

from __future__ import annotations

from postwright.render import template
from postwright.services.modules import modules
from postwright.services.outbound import ASKED, GATE_SOCKET
from postwright.services.parts import Check, Context, HostFile, Service, sound_units

CODE = "/etc/postwright/tls-gate"
RESOLVER_SOCKET = "/run/mta-sts/resolver.sock"
NOBODY = "nobody-has-a-policy-here.invalid"
RESOLVER_UNIT = "postfix-mta-sts-resolver.service"
UNIT = "postwright-tls-gate.service"
_UNITS = "/etc/systemd/system"
_CONFIGURATION = "/etc/mta-sts-daemon.yml"
_RESOLVER_DROP_IN = f"{_UNITS}/{RESOLVER_UNIT}.d/postwright.conf"
_GATE_UNITS = {f"{_UNITS}/postwright-tls-gate.socket": "gate.socket.j2", f"{_UNITS}/{UNIT}": "gate.service.j2"}


def wanted(context: Context) -> bool:
    return context.fleet.outbound_tls.mta_sts


def _resolver_files(context: Context) -> tuple[HostFile, ...]:
    return (
        HostFile(_CONFIGURATION, template("transport/mta-sts-daemon.yml.j2", context, socket=RESOLVER_SOCKET)),
        HostFile(_RESOLVER_DROP_IN, template("transport/mta-sts.conf.j2", context)),
    )


def _gate_files(context: Context) -> tuple[HostFile, ...]:
    said = {
        "code": CODE,
        "resolver": RESOLVER_SOCKET,
        "socket": GATE_SOCKET,
        "everywhere": context.fleet.outbound_tls.level == "encrypt",
    }
    units = (HostFile(path, template(f"transport/{name}", context, **said)) for path, name in _GATE_UNITS.items())
    return (*modules("tlsgate", CODE), *units)


RESOLVER = Service(
    name="mta-sts",
    title="MTA-STS resolver",
    packages=("postfix-mta-sts-resolver",),
    files=_resolver_files,
    checks=(
        Check(
            f"python3 -B -c 'from postfix_mta_sts_resolver.utils import load_config; load_config(\"{_CONFIGURATION}\")'"
        ),
    ),
    unit=lambda _release: RESOLVER_UNIT,
    ready=f"test -S {RESOLVER_SOCKET}",
    lasting=(_CONFIGURATION, _RESOLVER_DROP_IN),
    wanted=wanted,
)
# Postfix asks the gate until it has been restarted without it, and until then all of it must be there.
GATE = Service(
    name="tls-gate",
    title="DANE before MTA-STS",
    packages=("python3", "python3-dnspython"),
    files=_gate_files,
    checks=(
        # -B: what is staged must stay as it is.
        Check(f"PYTHONPATH={CODE} python3 -B -P -s -m tlsgate check"),
        sound_units(*_GATE_UNITS),
    ),
    unit=lambda _release: UNIT,
    # A name nobody has a policy for: if postmap has nothing to say, the gate and the resolver behind it have answered.
    ready=f'test -z "$(postmap -q {NOBODY} socketmap:unix:{GATE_SOCKET}:{ASKED} 2>&1)"',
    lasting=(f"{CODE}/", *_GATE_UNITS),
    wanted=wanted,
)
