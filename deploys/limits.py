"""Limits of logins; the agent answers before Postfix asks."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("limits")
def limits(activation: Activation) -> None:
    """The agent that counts runs with its code on disk, and its socket is there."""
    operations.running(name="count what logins send", activation=activation)
