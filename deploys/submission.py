"""Authentication for submission."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("submission")
def submission(activation: Activation) -> None:
    """Dovecot runs as Postfix's SASL server."""
    operations.running(name="authenticate with Dovecot", activation=activation)
