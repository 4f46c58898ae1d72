"""The clock, and what every service stands on."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("base")
def base(activation: Activation) -> None:
    """chrony runs with its configuration on disk."""
    operations.running(name="keep time with chrony", activation=activation)
