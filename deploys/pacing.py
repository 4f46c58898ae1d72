"""The pacing agent; it answers before Postfix asks."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("pacing")
def pacing(activation: Activation) -> None:
    """The agent runs with its code and its configuration on disk, and its sockets are there."""
    operations.running(name="pace with the agent", activation=activation)
