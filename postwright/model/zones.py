"""What an inventory says of DNS zones and of those who publish them. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from postwright import values
from postwright.model.fields import DnsName, HttpUrl, Identifier, IPAddress, LocalPath, Port, SecretSource, Strict
from postwright.shapes import shape


class Rfc2136(Strict):
    """A name server that takes updates signed with TSIG (RFC 2136, RFC 8945)."""

    kind: Literal["rfc2136"] = "rfc2136"
    server: IPAddress
    port: Port = 53
    key_name: DnsName
    algorithm: Literal["hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    secret: SecretSource
    timeout: float = Field(default=5.0, gt=0, le=60)

    @property
    def secrets(self) -> dict[str, SecretSource]:
        """Key path below the provider → where that secret is."""
        return {"secret": self.secret}


class Cloudflare(Strict):
    """Cloudflare's API v4, with an API token that may edit the zones' DNS.

    ``batch``: changes in one call, 200 on Free plans, 3,500 on others (developers.cloudflare.com/dns, Batch record
    changes). ``requests``: calls in five minutes; Cloudflare allows 1,200 to all tools of a user together.
    """

    kind: Literal["cloudflare"]
    token: SecretSource
    batch: int = Field(default=200, ge=1, le=3500)
    requests: int = Field(default=1100, ge=1, le=1200)
    api: HttpUrl = "https://api.cloudflare.com/client/v4"
    timeout: float = Field(default=30.0, gt=0, le=120)

    @property
    def secrets(self) -> dict[str, SecretSource]:
        """Key path below the provider → where that secret is."""
        return {"token": self.token}


class Octodns(Strict):
    """A provider class of octoDNS, for what has no provider here: ``octodns_route53.Route53Provider`` and the like.

    ``options`` and ``secrets`` together are the keyword arguments of the class. ``whole_zone``: use a class that is known
    to write whole zones all the same.
    """

    kind: Literal["octodns"]
    plugin: Annotated[str, AfterValidator(values.plugin)]
    options: dict[str, Any] = Field(default_factory=dict)
    secret_options: dict[str, SecretSource] = Field(default_factory=dict)
    whole_zone: bool = False

    @property
    def secrets(self) -> dict[str, SecretSource]:
        """Key path below the provider → where that secret is."""
        return {f"secret_options.{name}": source for name, source in self.secret_options.items()}


class Zonefile(Strict):
    """Nobody's API: changes are written to files of ``directory``, for a person to paste. Reads ask the zone's servers."""

    kind: Literal["zonefile"]
    directory: LocalPath

    @property
    def secrets(self) -> dict[str, SecretSource]:
        """None: nothing is logged into."""
        return {}


KINDS = ("rfc2136", "cloudflare", "octodns", "zonefile")


def _kind(value: Any) -> Any:
    """Leaving ``kind`` out means RFC 2136."""
    return value.get("kind", "rfc2136") if isinstance(value, dict) else getattr(value, "kind", "rfc2136")


Provider = Annotated[
    Annotated[Rfc2136, Tag("rfc2136")]
    | Annotated[Cloudflare, Tag("cloudflare")]
    | Annotated[Octodns, Tag("octodns")]
    | Annotated[Zonefile, Tag("zonefile")],
    Discriminator(_kind, "kind", f"kind must be one of {', '.join(KINDS)}"),
]


class Zone(Strict):
    """A DNS zone and the provider that publishes it.

    ``zone_id``: Cloudflare's id, which spares the token the right to list zones. ``servers``: authoritative servers to ask
    instead of those the NS records name, as ``address`` or ``address@port``; for a zone whose NS cannot be resolved from here.
    """

    name: DnsName
    provider: Identifier
    ttl: int = Field(default=3600, ge=1, le=86400)
    zone_id: Annotated[str, shape(r"[0-9a-f]{32}", "Cloudflare's id of a zone, 32 hexadecimal digits")] | None = None
    servers: tuple[Annotated[str, AfterValidator(values.endpoint)], ...] = ()
