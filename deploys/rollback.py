"""A mail host as it was before: files of a state it keeps, then every service that does not run with them."""

from __future__ import annotations

from pyinfra.api import deploy
from pyinfra.context import host

from postwright.hosts import operations
from postwright.hosts.looking import expect
from postwright.hosts.plan import look_request
from postwright.services.bundle import Bundle
from postwright.services.tls import CERTIFICATE


@deploy("rollback")
def rolled_back(bundle: Bundle) -> None:
    """The same operations as ``mail_host``, in the order that state knows; which services it has differs by host."""
    expect(look_request(bundle))
    operations.packages(name="install packages", names=bundle.packages)
    operations.files(name="put files in place", bundle=bundle)
    if any(file.path == CERTIFICATE for file in bundle.files):
        operations.certificate(name="look at the certificate", path=CERTIFICATE)
    for activation in host.loop(bundle.activations):
        if activation.tried:
            operations.tried(name=f"try {activation.title}", activation=activation, hint="What was before stays.")
        elif activation.name == "acme":
            operations.certified(name="have a certificate issued", activation=activation)
        else:
            operations.running(name=f"run {activation.title}", activation=activation)
    operations.unwanted(name="remove what is no longer wanted", bundle=bundle)
