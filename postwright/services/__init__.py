"""What a mail host consists of, as values: per service its packages, files, own check and unit.

Pure: nothing here runs anything. ``deploys/`` brings these values to a host in this order.
"""

from __future__ import annotations

from postwright.services import (
    bans,
    base,
    fail2ban,
    firewall,
    opendkim,
    pacing,
    postfix,
    relay,
    resolver,
    submission,
    tls,
    wireguard,
)
from postwright.services.parts import Context, HostDirectory, HostFile, Service

__all__ = ["SERVICES", "Context", "HostDirectory", "HostFile", "Service"]

# The order they are activated in: names must resolve before anything is sent, a signer must be there before the
# daemon that needs it, and nothing listens for mail before the firewall stands.
SERVICES: tuple[Service, ...] = (
    base.SERVICE,
    resolver.SERVICE,
    wireguard.SERVICE,
    firewall.SERVICE,
    bans.SERVICE,
    tls.SERVICE,
    opendkim.SERVICE,
    opendkim.ED25519_SERVICE,
    submission.SERVICE,
    fail2ban.SERVICE,
    pacing.SERVICE,
    relay.SERVICE,
    postfix.SERVICE,
)
