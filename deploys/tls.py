"""The host's certificate; it has no daemon, Postfix restarts when it changes."""

from __future__ import annotations

from pyinfra.api import deploy

from postwright.hosts import operations


@deploy("tls")
def tls(certificate: str) -> None:
    """The certificate on disk is valid today, or the apply stops before Postfix serves it."""
    operations.certificate(name="look at the certificate", path=certificate)
