"""What an inventory means: a frozen, valid Fleet.

Promise: pure; knows nothing of files' contents, the network, pyinfra or the terminal. Each model refuses unknown
keys. What one model alone cannot know (an address used twice, a HELO under no zone) is in ``consistency``.
"""

from __future__ import annotations

from postwright.model.domains import Bimi, Delegated, Dmarc, Domain, MtaSts
from postwright.model.fields import IPAddress, IPNetwork, SecretSource, Strict
from postwright.model.firewall import Fail2ban, Firewall
from postwright.model.fleet import Fleet, Keys
from postwright.model.hardening import Hardening, Journal, SshHardening, Sysctl, Upgrades
from postwright.model.hosts import Address, Host, Ssh
from postwright.model.mailboxes import Mailbox
from postwright.model.management import Management, ManagementOperator
from postwright.model.pacing import DomainWarmup, Pacing, Warmup
from postwright.model.rollout import Rollout
from postwright.model.streams import Relay, Stream
from postwright.model.tls import Acme, TlsFiles
from postwright.model.transport import OutboundTls, TlsPolicy
from postwright.model.users import InventoryLogin, Limits, Login, UserLimits
from postwright.model.zones import Cloudflare, Octodns, Provider, Rfc2136, Zone, Zonefile

__all__ = [
    "Acme",
    "Address",
    "Bimi",
    "Cloudflare",
    "Delegated",
    "Dmarc",
    "Domain",
    "DomainWarmup",
    "Fail2ban",
    "Firewall",
    "Fleet",
    "Hardening",
    "Host",
    "IPAddress",
    "IPNetwork",
    "InventoryLogin",
    "Journal",
    "Keys",
    "Limits",
    "Login",
    "Mailbox",
    "Management",
    "ManagementOperator",
    "MtaSts",
    "Octodns",
    "OutboundTls",
    "Pacing",
    "Provider",
    "Relay",
    "Rfc2136",
    "Rollout",
    "SecretSource",
    "Ssh",
    "SshHardening",
    "Stream",
    "Strict",
    "Sysctl",
    "TlsFiles",
    "TlsPolicy",
    "Upgrades",
    "UserLimits",
    "Warmup",
    "Zone",
    "Zonefile",
]
