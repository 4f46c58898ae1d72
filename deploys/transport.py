"""Transport security: what Postfix asks about receivers, and the policies our hosts serve to senders."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations
from postwright.services.bundle import Activation


@deploy("policies")
def policies(activation: Activation) -> None:
    """Senders find the MTA-STS policies of the domains this host receives for."""
    operations.running(name="serve MTA-STS policies with nginx", activation=activation)


@deploy("mta-sts")
def mta_sts(activation: Activation) -> None:
    """Receivers' policies can be learnt, before the gate asks for them."""
    operations.running(name="learn receivers' MTA-STS policies", activation=activation)


@deploy("tls-gate")
def tls_gate(activation: Activation) -> None:
    """The gate answers before Postfix asks."""
    operations.running(name="put DANE before MTA-STS", activation=activation)
