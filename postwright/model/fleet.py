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
    Server,
    Strict,
)
from postwright.model.firewall import Fail2ban, Fail2banOrOff, Firewall
from postwright.model.hardening import Hardening
from postwright.model.hosts import Host
from postwright.model.mailboxes import Mailbox, MailboxAddress
from postwright.model.management import Management
from postwright.model.pacing import Pacing
from postwright.model.rollout import Rollout
from postwright.model.tls import Acme
from postwright.model.transport import OutboundTls
from postwright.model.users import Login, UserLimits
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
    hosts that take mail, where their zone is signed (DANE). ``pacing``: how hosts pace what they send. ``acme``: who
    issues for hosts with ``"tls": "acme"``. ``users``: a file of more logins, kept by `postwright users`; ``logins`` has
    both, those of the inventory first. ``mailboxes``: address → what is kept for it. ``bounces``: who gets what comes back
    to return paths; None: the postmaster. ``fail2ban``: bans of those who guess passwords, where anybody may try; None: no
    bans. ``hardening``: how hosts are locked down. ``rollout``: how changes reach the hosts. ``outbound_tls``: how mail is
    protected on its way out. ``from_header``: what of a submitted message's From must be its login's. ``management``: a
    tunnel for operators.
    """

    hosts: tuple[Host, ...]
    domains: tuple[Domain, ...]
    zones: tuple[Zone, ...]
    parked: tuple[HostName, ...] = ()
    providers: dict[Identifier, Provider]
    keys: Keys
    postmaster: EmailAddress
    bounces: EmailAddress | None = None
    mailboxes: dict[MailboxAddress, Mailbox] = Field(default_factory=dict)
    logins: tuple[Login, ...] = ()
    users: LocalPath | None = None
    user_limits: UserLimits = UserLimits()
    from_header: Literal["domain", "address", "any"] = "domain"
    resolver: Resolver = Resolver()
    firewall: Firewall = Firewall()
    fail2ban: Fail2banOrOff = Fail2ban()
    management: Management | None = None
    policies: Policies = Policies()
    probe: Probe | None = None
    pacing: Pacing | None = None
    hardening: Hardening = Hardening()
    rollout: Rollout = Rollout()
    outbound_tls: OutboundTls = OutboundTls()
    deployment: Identifier = "main"
    certificate_authorities: tuple[HostName, ...] = ()
    tlsa: bool = True
    ledger: LocalPath = Path("../dns-ledger")
    tls_authorities: LocalPath | None = None
    acme: Acme | None = None

    def host(self, name: str) -> Host:
        """The host of that inventory name; KeyError if there is none."""
        return self._hosts[name]

    def domain(self, name: str) -> Domain | None:
        """The domain of that name, if mail is sent from it."""
        return self._domains.get(name)

    def mailboxes_of(self, domain: Domain) -> tuple[str, ...]:
        """The addresses of a domain that are mailboxes, in inventory order."""
        return tuple(self._mailboxes.get(domain.name, ()))

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

    def acme_of(self, host: Host) -> Acme | None:
        """Who issues the host's certificate; None where it is files of the operator."""
        return self.acme if host.tls_files is None else None

    def zone_of(self, name: str) -> Zone | None:
        """The zone a name lies in: the longest one that ends it."""
        labels = name.split(".")
        suffixes = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._zones[suffix] for suffix in suffixes if suffix in self._zones), None)

    @cached_property
    def _domains(self) -> dict[str, Domain]:
        return {domain.name: domain for domain in self.domains}

    @cached_property
    def _mailboxes(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for address in self.mailboxes:
            found.setdefault(address.rpartition("@")[2], []).append(address)
        return found

    @cached_property
    def _hosts(self) -> dict[str, Host]:
        return {host.name: host for host in self.hosts}

    @cached_property
    def _zones(self) -> dict[str, Zone]:
        return {zone.name: zone for zone in self.zones}
