"""How the host is locked down: SSH, the kernel, the journal, upgrades, AppArmor, the audit log."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("hardening")
def hardening(units: Mapping[str, Activation]) -> None:
    """sshd takes keys only, confirmed by a new SSH connection; the rest runs as described, as far as it is wanted."""
    if "kernel" in units:
        operations.running(name="set up kernel and journal", activation=units["kernel"])
    operations.tried(
        name="let in keys only",
        activation=units["ssh"],
        hint="Look at mail_fleet.hardening.ssh and at your key: is it one that sshd still takes?",
    )
    if "upgrades" in units:
        operations.running(name="have security updates installed", activation=units["upgrades"])
    if "apparmor" in units:
        operations.running(name="confine services with AppArmor", activation=units["apparmor"])


@deploy("audit")
def audit(units: Mapping[str, Activation]) -> None:
    """Changes of what stands here by now are logged."""
    if "audit" in units:
        operations.running(name="log changes with auditd", activation=units["audit"])
