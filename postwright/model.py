"""What an inventory means: a frozen, valid Fleet.

Promise: pure; knows nothing of files' contents, the network, pyinfra or the terminal. Each model refuses unknown
keys. What one model alone cannot know (an address used twice, a HELO under no zone) is in ``consistency``.
"""

from __future__ import annotations

from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from postwright import values

IPAddress = Annotated[IPv4Address | IPv6Address, BeforeValidator(values.address)]
IPNetwork = Annotated[IPv4Network | IPv6Network, BeforeValidator(values.network)]
HostName = Annotated[str, AfterValidator(values.host_name)]
DnsName = Annotated[str, AfterValidator(values.dns_name)]
EmailAddress = Annotated[str, AfterValidator(values.email_address)]
Identifier = Annotated[str, AfterValidator(values.identifier)]
LoginName = Annotated[str, AfterValidator(values.login)]
Sender = Annotated[str, AfterValidator(values.sender)]
Server = Annotated[str, AfterValidator(values.server)]
LocalPath = Annotated[Path, BeforeValidator(values.local_path)]
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}[smhdw]$", examples=["5d"])]
Port = Annotated[int, Field(ge=1, le=65535)]
NotEmpty = AfterValidator(values.not_empty)  # min_length would complain as well of a list whose only item is wrong
Argument = Annotated[str, Field(pattern=r"^[^\s-]\S*$")]  # safe as an argument of ssh


class Strict(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _address_shorthand(value: Any) -> Any:
    """Accept ``("192.0.2.1", "mail.example.com")`` for ``{"ip": ..., "helo": ...}``."""
    match value:
        case (str(ip), str(helo)):
            return {"ip": ip, "helo": helo}
        case _:
            return value


class Address(Strict):
    """One sending address and the name it says in HELO; A/AAAA and PTR are made from the pair."""

    ip: Annotated[IPAddress, BeforeValidator(values.sending_address)]
    helo: HostName


class TlsFiles(Strict):
    """A certificate chain and its key as PEM files on the operator's machine; relative to the inventory."""

    certificate: LocalPath
    key: LocalPath


class Ssh(Strict):
    """How pyinfra and testinfra reach the host; read from pyinfra's own ``ssh_*`` data."""

    hostname: Argument
    user: Argument = "root"
    port: Port = 22
    key: LocalPath | None = None
    known_hosts: LocalPath | None = None
    config: LocalPath | None = None
    sudo: bool = False


Role = Literal["submission", "mx"]


class Host(Strict):
    """A mail host. Every host signs and sends; roles say what it takes in besides.

    ``submission``: authenticated mail on 465 and 587. ``mx``: mail for the domains that name it as MX, on 25.
    """

    name: str
    ssh: Ssh
    addresses: Annotated[tuple[Annotated[Address, BeforeValidator(_address_shorthand)], ...], NotEmpty]
    tls: TlsFiles
    roles: frozenset[Role] = frozenset({"submission", "mx"})
    trusted_networks: tuple[Annotated[IPNetwork, BeforeValidator(values.trusted_network)], ...] = ()

    @property
    def fqdn(self) -> str:
        """``myhostname``: the HELO name of the first address."""
        return self.addresses[0].helo

    @property
    def open_on_25(self) -> bool:
        """Whether others may connect to port 25: senders to its domains, or the networks it trusts."""
        return "mx" in self.roles or bool(self.trusted_networks)

    def first(self, version: Literal[4, 6]) -> Address | None:
        """The first address of an IP version, from which mail is sent as long as no stream says otherwise."""
        return next((address for address in self.addresses if address.ip.version == version), None)


class Dmarc(Strict):
    """The DMARC policy of a domain (RFC 9989 §4.7). ``strict`` aligns exact domains instead of organisational ones."""

    policy: Literal["none", "quarantine", "reject"] = "none"
    subdomain_policy: Literal["none", "quarantine", "reject"] | None = None
    aggregate_reports: tuple[EmailAddress, ...] = ()
    failure_reports: tuple[EmailAddress, ...] = ()
    strict: bool = False


class Domain(Strict):
    """A domain mail is sent from. ``hosts`` None means every host.

    ``mx``: ``hosts`` publishes the sending hosts with role mx, ``null`` publishes "takes no mail" (RFC 7505), ``keep``
    leaves the MX to whoever manages it. ``aliases``: local part → address; postmaster and abuse go to the fleet's
    postmaster unless said here.
    """

    name: HostName
    hosts: tuple[str, ...] | None = None
    mx: Literal["hosts", "null", "keep"] = "hosts"
    spf_all: Literal["~all", "-all"] = "~all"
    dmarc: Dmarc = Dmarc()
    aliases: dict[Annotated[str, AfterValidator(values.alias)], EmailAddress] = {}


class SecretSource(Strict):
    """Where a secret is read from, never the secret itself: a file (mode 0600), a variable, or the system keyring."""

    file: LocalPath | None = None
    env: Annotated[str, AfterValidator(values.variable)] | None = None
    keyring: str | None = Field(default=None, pattern=r"^[^/]+/[^/]+$")

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretSource:
        if sum(value is not None for value in (self.file, self.env, self.keyring)) != 1:
            msg = 'give exactly one of "file", "env" and "keyring" ("service/user")'
            raise ValueError(msg)
        return self

    def __str__(self) -> str:
        if self.file:
            return f"file {self.file}"
        return f"variable {self.env}" if self.env else f"keyring entry {self.keyring}"


class Rfc2136(Strict):
    """A name server that takes updates signed with TSIG (RFC 2136, RFC 8945)."""

    kind: Literal["rfc2136"] = "rfc2136"
    server: IPAddress
    port: Port = 53
    key_name: DnsName
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    secret: SecretSource
    timeout: float = Field(default=5.0, gt=0, le=60)


Provider = Rfc2136  # becomes a union on ``kind`` with the second provider


class Zone(Strict):
    """A DNS zone and the provider that publishes it."""

    name: DnsName
    provider: Identifier
    ttl: int = Field(default=3600, ge=1, le=86400)


class Keys(Strict):
    """The DKIM keyring: a directory of encrypted PKCS#8 files, fit for Git."""

    directory: LocalPath
    passphrase: SecretSource
    bits: Literal[2048, 3072, 4096] = 2048


class Login(Strict):
    """A client of authenticated submission. The file holds a crypt(3) hash (``openssl passwd -6``), not a password."""

    login: LoginName
    password_hash: Annotated[LocalPath, AfterValidator(values.hash_path)]
    senders: Annotated[tuple[Sender, ...], NotEmpty]


class Resolver(Strict):
    """The validating resolver on each host. Without ``forward_to`` it asks the Internet from the root."""

    forward_to: tuple[IPAddress, ...] = ()
    trust_anchors: tuple[Annotated[str, AfterValidator(values.trust_anchor)], ...] = ()


class Firewall(Strict):
    """What reaches the host besides mail: SSH, from everywhere unless networks are named.

    ``ssh_ports`` are those sshd listens on, which differ from pyinfra's ``ssh_port`` behind a port forwarding.
    """

    ssh_ports: Annotated[tuple[Port, ...], NotEmpty] = (22,)
    ssh_from: tuple[IPNetwork, ...] = ()
    extra_tcp: tuple[Port, ...] = ()


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
    """Hosts, domains, zones and what they share: the one meaning templates, DNS and checks are made from."""

    hosts: tuple[Host, ...]
    domains: tuple[Domain, ...]
    zones: tuple[Zone, ...]
    providers: dict[Identifier, Provider]
    keys: Keys
    postmaster: EmailAddress
    logins: tuple[Login, ...] = ()
    resolver: Resolver = Resolver()
    firewall: Firewall = Firewall()
    policies: Policies = Policies()
    probe: Probe | None = None
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
