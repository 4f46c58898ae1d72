"""How the host is locked down: SSH, the kernel, the journal, upgrades, AppArmor, the audit log."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("hardening")
def hardening(units: Mapping[str, Activation]) -> None:
    """sshd takes keys only, confirmed by a new SSH connection; the rest runs as described, as far as it is wanted."""
    operations.tried(
        name="let in keys only",
        activation=units["ssh"],
        hint="Look at mail_fleet.hardening.ssh and at your key: is it one that sshd still takes?",
    )
