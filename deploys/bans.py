"""The table of bans; it stands before anybody is banned."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("bans")
def bans(activation: Activation) -> None:
    """The table is loaded, with whatever was in its sets."""
    operations.running(name="keep bans with nftables", activation=activation)
