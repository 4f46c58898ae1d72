"""The mail transfer agent, last: all it relies on is there."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("postfix")
def postfix(activation: Activation) -> None:
    """Postfix runs with its configuration on disk."""
    operations.running(name="send with Postfix", activation=activation)
