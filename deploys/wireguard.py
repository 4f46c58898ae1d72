"""The management network; it stands before the packet filter may close SSH to all else."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("wireguard")
def wireguard(activation: Activation) -> None:
    """The tunnel's interface is up, with the operators as its peers."""
    operations.running(name="be managed by WireGuard", activation=activation)
