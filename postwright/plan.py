"""What an apply would do to the whole fleet: keys, DNS and hosts, as one value. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from postwright.dns.plan import DnsPlan
from postwright.errors import UnsafePlan
from postwright.hosts.plan import HostPlan
from postwright.keys.steps import KeyStep


@dataclass(frozen=True)
class FleetPlan:
    """Everything that would change, with old values where there are any.

    ``dangers``: why it is unsafe, besides what DNS says of itself. ``unreachable``: why there is no plan for some host, a line
    each; the others have theirs.
    """

    keys: tuple[KeyStep, ...]
    dns: DnsPlan
    hosts: tuple[HostPlan, ...]
    dangers: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the world, as far as it could be looked at, is as the inventory says."""
        return not self.keys and self.dns.is_empty and all(host.changes == 0 for host in self.hosts)

    def require_safe(self, *, force: bool) -> None:
        """UnsafePlan, with every reason, unless the operator insists; a conflict in DNS stops even then."""
        if self.dns.conflicts:
            lines = (f"{conflict.name} {conflict.type}: {conflict.reason}" for conflict in self.dns.conflicts)
            raise UnsafePlan("DNS holds what this would damage; DNS was not changed\n" + "\n".join(lines))
        reasons = (*self.dns.unsafe_reasons(), *self.dangers)
        if reasons and not force:
            raise UnsafePlan("\n".join(reasons) + "\nnothing was changed; --force does it all the same")

    def to_json(self) -> dict[str, Any]:
        return {
            "empty": self.is_empty,
            "keys": [asdict(key) for key in self.keys],
            "dangers": list(self.dangers),
            "dns": self.dns.to_json(),
            "hosts": [host.to_json() for host in self.hosts],
            "unreachable": list(self.unreachable),
        }
