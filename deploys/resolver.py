"""The validating resolver; names must resolve before anything is sent."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("resolver")
def resolver(activation: Activation) -> None:
    """unbound runs with its configuration on disk."""
    operations.running(name="resolve with unbound", activation=activation)
