"""The DKIM signers, one for RSA and one for Ed25519; they answer before Postfix asks."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("opendkim")
def opendkim(activation: Activation) -> None:
    """OpenDKIM runs with the keys and tables on disk."""
    operations.running(name="sign with OpenDKIM", activation=activation)


@deploy("opendkim-ed25519")
def opendkim_ed25519(activation: Activation) -> None:
    """The second OpenDKIM runs with the keys and tables on disk."""
    operations.running(name="sign with OpenDKIM, Ed25519", activation=activation)
