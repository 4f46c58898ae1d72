"""The host's certificate by ACME, before anything serves it."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("acme")
def acme(activation: Activation) -> None:
    """A certificate for all names of the host is there, and a timer renews it; else the apply stops, and what was there stays."""
    operations.certified(name="have a certificate issued", activation=activation)
