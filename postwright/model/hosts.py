"""What an inventory says of one mail host. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from postwright import values
from postwright.model.fields import (
    Argument,
    HostName,
    Identifier,
    IPAddress,
    IPNetwork,
    LocalPath,
    NotEmpty,
    Port,
    Strict,
)
from postwright.model.pacing import Warmup
from postwright.model.streams import DEFAULT
from postwright.model.tls import Tls, TlsFiles


def _address_shorthand(value: Any) -> Any:
    """Accept ``("192.0.2.1", "mail.example.com")`` for ``{"ip": ..., "helo": ...}``."""
    match value:
        case (str(ip), str(helo)):
            return {"ip": ip, "helo": helo}
        case _:
            return value


class Address(Strict):
    """One sending address and the name it says in HELO; A/AAAA and PTR are made from the pair.

    ``warmup``: the plan by which it earns its reputation, or ``"warm"``; None where nothing is paced. ``pool``: the name of
    the addresses it belongs to; streams say whose mail leaves from a pool, and mail of no stream leaves from ``default``.
    """

    ip: Annotated[IPAddress, BeforeValidator(values.sending_address)]
    helo: HostName
    warmup: Warmup | None = None
    pool: Identifier = DEFAULT

    @property
    def label(self) -> str:
        """The address as part of a name, such as ``v4-192-0-2-10``; it depends on nothing but the address."""
        if isinstance(self.ip, IPv4Address):
            return f"v4-{self.ip}".replace(".", "-")
        return "-".join(("v6", *(f"{int(group, 16):x}" for group in self.ip.exploded.split(":"))))


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
    ``management``: its address in the fleet's management network.
    """

    name: str
    ssh: Ssh
    addresses: Annotated[tuple[Annotated[Address, BeforeValidator(_address_shorthand)], ...], NotEmpty]
    tls: Tls
    management: IPAddress | None = None
    roles: frozenset[Role] = frozenset({"submission", "mx"})
    trusted_networks: tuple[Annotated[IPNetwork, BeforeValidator(values.trusted_network)], ...] = ()

    @property
    def fqdn(self) -> str:
        """``myhostname``: the HELO name of the first address."""
        return self.addresses[0].helo

    @property
    def names(self) -> tuple[str, ...]:
        """Its HELO names, each once; the first is ``fqdn``."""
        return tuple(dict.fromkeys(address.helo for address in self.addresses))

    @property
    def tls_files(self) -> TlsFiles | None:
        """Its certificate and key, unless it gets a certificate by ACME."""
        return self.tls if isinstance(self.tls, TlsFiles) else None

    @property
    def open_on_25(self) -> bool:
        """Whether others may connect to port 25: senders to its domains, or the networks it trusts."""
        return "mx" in self.roles or bool(self.trusted_networks)

    def first(self, version: Literal[4, 6]) -> Address | None:
        """The first address of an IP version, from which mail is sent as long as no stream says otherwise."""
        return next((address for address in self.addresses if address.ip.version == version), None)
