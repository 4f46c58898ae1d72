"""The packet filter; it stands before anything listens for mail."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("firewall")
def firewall(activation: Activation) -> None:
    """The table is loaded, confirmed by a new SSH connection, and loaded again at boot."""
    operations.tried(
        name="filter packets with nftables",
        activation=activation,
        hint="Look at mail_fleet.firewall: does it open the port and the network you come from?",
    )
