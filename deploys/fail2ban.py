"""Bans of those who guess passwords."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("fail2ban")
def fail2ban(activation: Activation) -> None:
    """fail2ban runs with its jails on disk."""
    operations.running(name="ban with fail2ban", activation=activation)
