"""The DKIM signer; it answers before Postfix asks."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("opendkim")
def opendkim(activation: Activation) -> None:
    """OpenDKIM runs with the keys and tables on disk."""
    operations.running(name="sign with OpenDKIM", activation=activation)
