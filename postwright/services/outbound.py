"""What Postfix demands of receivers: the operator's own policies, and where it asks for those receivers publish."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from postwright.model import Fleet, TlsPolicy
from postwright.render import template
from postwright.services.parts import Check, Context, HostFile, Service

TABLE = "/etc/postfix/tls_policy"
GATE_SOCKET = "/var/spool/postfix/tls-gate/socket"
ASKED = "policy"  # the name Postfix asks the gate under; it knows no other
_GATE = f"socketmap:unix:tls-gate/socket:{ASKED}"  # relative to Postfix's queue: smtp(8) is in a chroot


@dataclass(frozen=True)
class Outbound:
    """What main.cf is to say: the level for receivers no table knows, and the tables in the order they are asked."""

    level: str
    maps: tuple[str, ...]


def outbound(fleet: Fleet) -> Outbound:
    """Postfix's tables in the order it asks them. The gate's answers never reach a name the operator has a policy for."""
    said = fleet.outbound_tls
    maps = (f"regexp:{TABLE}",) if said.policies else ()
    return Outbound(said.level, (*maps, _GATE) if said.mta_sts else maps)


def rows(policies: Mapping[str, TlsPolicy]) -> list[tuple[str, str]]:
    """Pattern and policy; the most special name first, for the first that fits counts."""
    ordered = sorted(policies, key=lambda name: (name.startswith("."), -name.count("."), name))
    return [(_pattern(name), policy_text(policies[name])) for name in ordered]


def _pattern(name: str) -> str:
    """What Postfix may ask under: the domain, or any name below it; its own parents, which begin with a dot, are not asked."""
    return f"^[^.].*{re.escape(name)}$" if name.startswith(".") else f"^{re.escape(name)}$"


def policy_text(policy: TlsPolicy) -> str:
    """The right side of a line of the table (postconf(5), smtp_tls_policy_maps)."""
    if policy.fingerprints:
        return f"{policy.level} match={'|'.join(policy.fingerprints)}"
    return f"{policy.level} match={':'.join(policy.match)}" if policy.match else policy.level


def _files(context: Context) -> tuple[HostFile, ...]:
    values = {"rows": rows(context.fleet.outbound_tls.policies)}
    return (HostFile(TABLE, template("transport/tls_policy.j2", context, **values)),)


SERVICE = Service(
    name="outbound",
    title="receivers' TLS",
    files=_files,
    # Not found (1) is as good as found; a line it cannot read makes a warning. Without a name it would not open the table.
    checks=(Check(f"postmap -q nobody.invalid regexp:{TABLE} >/dev/null || test $? = 1", silent=True),),
    # Postfix uses it until it has been restarted without.
    lasting=(TABLE,),
    wanted=lambda context: bool(context.fleet.outbound_tls.policies),
)
