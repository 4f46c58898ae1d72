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

# The order they are activated in: names must resolve before anything is sent, nothing listens for mail before the
# firewall stands, and what Postfix asks is there before the daemon that asks. Postfix's programs read a new main.cf as
# soon as it lies there, so who it asks comes before what may fail for reasons outside: SSH's trial, a certificate's issue.
SERVICES: tuple[Service, ...] = (
    base.SERVICE,
    resolver.SERVICE,
    wireguard.SERVICE,
    firewall.SERVICE,
    bans.SERVICE,
    limits.SERVICE,
    pacing.SERVICE,
    relay.SERVICE,
    tls_gate.RESOLVER,
    tls_gate.GATE,
    opendkim.SERVICE,
    opendkim.ED25519_SERVICE,
    kernel.SERVICE,
    ssh.CODES,
    ssh.SERVICE,
    upgrades.SERVICE,
    apparmor.SERVICE,
    tls.SERVICE,
    acme.SERVICE,
    policies.SERVICE,
    mailboxes.SERVICE,
    submission.SERVICE,
    fail2ban.SERVICE,
    outbound.SERVICE,
    postfix.SERVICE,
    audit.SERVICE,
)
