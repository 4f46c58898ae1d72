"""What a mail host consists of, as values: per service its packages, files, own check and unit.

Pure: nothing here runs anything. ``deploys/`` brings these values to a host in this order.
"""

from __future__ import annotations

from postwright.services import (
    acme,
    apparmor,
    audit,
    bans,
    base,
    fail2ban,
    firewall,
    kernel,
    limits,
    mailboxes,
    opendkim,
    outbound,
    pacing,
    policies,
    postfix,
    relay,
    resolver,
    ssh,
    submission,
    tls,
    tls_gate,
    upgrades,
    wireguard,
)
from postwright.services.parts import Context, HostDirectory, HostFile, Service

__all__ = ["SERVICES", "Context", "HostDirectory", "HostFile", "Service"]

# The order they are activated in: names must resolve before anything is sent, a signer must be there before the
# daemon that needs it, and nothing listens for mail before the firewall stands.
SERVICES: tuple[Service, ...] = (
    base.SERVICE,
    kernel.SERVICE,
    resolver.SERVICE,
    wireguard.SERVICE,
    firewall.SERVICE,
    bans.SERVICE,
    ssh.CODES,
    ssh.SERVICE,
    upgrades.SERVICE,
    apparmor.SERVICE,
    tls.SERVICE,
    acme.SERVICE,
    policies.SERVICE,
    opendkim.SERVICE,
    opendkim.ED25519_SERVICE,
    mailboxes.SERVICE,
    submission.SERVICE,
    limits.SERVICE,
    fail2ban.SERVICE,
    pacing.SERVICE,
    relay.SERVICE,
    tls_gate.RESOLVER,
    tls_gate.GATE,
    outbound.SERVICE,
    postfix.SERVICE,
    audit.SERVICE,
)
