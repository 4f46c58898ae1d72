"""What an inventory says of how a host is locked down. Pure.

On by default is what can neither lock out nor stop mail; ``False`` switches a part off, and an apply takes it back.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from postwright.model.fields import Strict, Switch
from postwright.shapes import shape

KernelKey = Annotated[
    str, shape(r"(net|kernel|fs|vm|dev)(\.[a-z0-9_*-]+)+", "a kernel setting such as kernel.dmesg_restrict")
]
UserName = Annotated[str, shape(r"[a-z_][a-z0-9_-]{0,31}", "the name of a user such as alice")]  # useradd(8)


class SshHardening(Strict):
    """Keys only. ``second_factor`` is asked of every login but those of the inventory's own user and of ``key_only``.

    ``totp``: a code of six digits after the key (RFC 6238). ``fido2``: the key itself lives in a FIDO2 token that wants a
    PIN or a fingerprint for each login. Users who log in with a key alone may come from ``firewall.ssh_from`` only.
    """

    second_factor: Literal["totp", "fido2"] | None = None
    key_only: tuple[UserName, ...] = ()


class Upgrades(Strict):
    """Security updates of Debian, each day, by unattended-upgrades. ``reboot_at``: when to reboot if one asks for it; None: never."""

    reboot_at: Annotated[str, shape(r"([01][0-9]|2[0-3]):[0-5][0-9]", "a time of the day such as 04:30")] | None = None


class Sysctl(Strict):
    """Kernel settings of the network and of what processes may see of each other. ``leave``: those to leave as they are."""

    leave: tuple[KernelKey, ...] = ()


class Journal(Strict):
    """How long the host keeps its log, which holds addresses of people. What is reached first removes the oldest."""

    max_days: int = Field(default=30, ge=2, le=3650)
    max_size: Annotated[str, shape(r"[1-9][0-9]{0,4}[MGT]", "a size such as 500M or 1G")] = "1G"


class Hardening(Strict):
    """How hosts are locked down, part by part. ``audit`` and ``apparmor`` need a kernel of the host's own."""

    ssh: Annotated[SshHardening | None, Switch] = SshHardening()
    upgrades: Annotated[Upgrades | None, Switch] = Upgrades()
    sysctl: Annotated[Sysctl | None, Switch] = Sysctl()
    journal: Annotated[Journal | None, Switch] = Journal()
    sandbox: bool = True
    audit: bool = True
    apparmor: bool = True
