"""The fleet as a whole: hosts, domains, zones and what they share. Pure."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from postwright import values
from postwright.model.domains import Domain
from postwright.model.fields import (
    Duration,
    EmailAddress,
    HostName,
    Identifier,
    IPAddress,
    LocalPath,
    LoginName,
    NotEmpty,
    SecretSource,
    Sender,
    Server,
    Strict,
)
from postwright.model.firewall import Fail2ban, Fail2banOrOff, Firewall
from postwright.model.hosts import Host
from postwright.model.management import Management
from postwright.model.pacing import Pacing
from postwright.model.zones import Provider, Zone


class Keys(Strict):
    """The DKIM keyring, a directory of encrypted PKCS#8 files fit for Git, and how its keys are rotated.

    ``rotate_every``: how long a key signs; None: until somebody asks for another. Hosts stop signing with the old key at
    once, but it stays in DNS for the queue's lifetime and ``retire_margin``, and no shorter than any queue holds mail it
    signed; then revoked (an empty ``p=``) for ``keep_revoked``. ``selector``: see ``values.selector_template``.
    ``per_host``: each host has keys of its own. ``algorithm``: ``rsa+ed25519`` signs every message twice.
    """

    directory: LocalPath
    passphrase: SecretSource
    bits: Literal[2048, 3072, 4096] = 2048
    algorithm: Annotated[Literal["rsa", "rsa+ed25519"], BeforeValidator(values.signature_algorithm)] = "rsa"
    rotate_every: Annotated[Duration, AfterValidator(values.at_least("1d"))] | None = None
    retire_margin: Annotated[Duration, AfterValidator(values.at_least("1d"))] = "2d"
    keep_revoked: Annotated[Duration, AfterValidator(values.at_least("30d"))] = "30d"
    selector: Annotated[str, AfterValidator(values.selector_template)] = "pw{date}"
    per_host: bool = False

    @property
    def algorithms(self) -> tuple[Literal["rsa", "ed25519"], ...]:
        return ("rsa", "ed25519") if self.algorithm == "rsa+ed25519" else ("rsa",)


class Login(Strict):
    """A client of authenticated submission. The file holds a crypt(3) hash (``openssl passwd -6``), not a password."""

    login: LoginName
    password_hash: Annotated[LocalPath, AfterValidator(values.hash_path)]
    senders: Annotated[tuple[Sender, ...], NotEmpty]


class Resolver(Strict):
    """The validating resolver on each host. Without ``forward_to`` it asks the Internet from the root."""

    forward_to: tuple[IPAddress, ...] = ()
    trust_anchors: tuple[Annotated[str, AfterValidator(values.trust_anchor)], ...] = ()


class Policies(Strict):
    """Limits of the queue and of a message."""

    message_size: int = Field(default=26_214_400, ge=65_536, description="octets")
    queue_lifetime: Duration = "5d"
    bounce_lifetime: Duration = "5d"
    time_servers: Annotated[tuple[Server, ...], NotEmpty] = ("2.debian.pool.ntp.org",)


class Probe(Strict):
    """The message `verify` submits: as whom, and to whom."""

    login: LoginName
    password: SecretSource
    sender: EmailAddress
    recipient: EmailAddress


class Fleet(Strict):
    """Hosts, domains, zones and what they share: the one meaning templates, DNS and checks are made from.

    ``parked``: domains that send and take no mail, and say so. ``deployment``: marks records as ours where a provider keeps
    comments. ``certificate_authorities``: who may issue for the hosts' names (CAA). ``tlsa``: publish the certificates of
    hosts that take mail, where their zone is signed (DANE). ``pacing``: how hosts pace what they send.
    ``fail2ban``: bans of those who guess passwords, where anybody may try; None: no bans.
    ``management``: a tunnel for operators.
    """

    hosts: tuple[Host, ...]
    domains: tuple[Domain, ...]
    zones: tuple[Zone, ...]
    parked: tuple[HostName, ...] = ()
    providers: dict[Identifier, Provider]
    keys: Keys
    postmaster: EmailAddress
    logins: tuple[Login, ...] = ()
    resolver: Resolver = Resolver()
    firewall: Firewall = Firewall()
    fail2ban: Fail2banOrOff = Fail2ban()
    management: Management | None = None
    policies: Policies = Policies()
    probe: Probe | None = None
    pacing: Pacing | None = None
    deployment: Identifier = "main"
    certificate_authorities: tuple[HostName, ...] = ()
    tlsa: bool = True
    ledger: LocalPath = Path("../dns-ledger")
    tls_authorities: LocalPath | None = None

    def host(self, name: str) -> Host:
        """The host of that inventory name; KeyError if there is none."""
        return self._hosts[name]

    def hosts_of(self, domain: Domain) -> tuple[Host, ...]:
        """The hosts that sign and send for a domain, in inventory order."""
        return tuple(host for host in self.hosts if domain.hosts is None or host.name in domain.hosts)

    def domains_of(self, host: Host) -> tuple[Domain, ...]:
        """The domains a host signs for, in inventory order."""
        return tuple(domain for domain in self.domains if domain.hosts is None or host.name in domain.hosts)

    def paces(self, host: Host) -> bool:
        """Whether a host's mail is paced: an address or a domain of it says warmup, or the fleet says pacing."""
        said = (*(it.warmup for it in host.addresses), *(it.warmup for it in self.domains_of(host)))
        return self.pacing is not None or any(said)

    def zone_of(self, name: str) -> Zone | None:
        """The zone a name lies in: the longest one that ends it."""
        labels = name.split(".")
        suffixes = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._zones[suffix] for suffix in suffixes if suffix in self._zones), None)

    @cached_property
    def _hosts(self) -> dict[str, Host]:
        return {host.name: host for host in self.hosts}

    @cached_property
    def _zones(self) -> dict[str, Zone]:
        return {zone.name: zone for zone in self.zones}
