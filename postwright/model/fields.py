"""The grammar of single keys: annotated types every model is made of, and where a secret is read from. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from postwright import values
from postwright.shapes import shape

IPAddress = Annotated[IPv4Address | IPv6Address, BeforeValidator(values.address)]
IPNetwork = Annotated[IPv4Network | IPv6Network, BeforeValidator(values.network)]
HostName = Annotated[str, AfterValidator(values.host_name)]
DnsName = Annotated[str, AfterValidator(values.dns_name)]
EmailAddress = Annotated[str, AfterValidator(values.email_address)]
Identifier = Annotated[str, AfterValidator(values.identifier)]
LoginName = Annotated[str, AfterValidator(values.login)]
Sender = Annotated[str, AfterValidator(values.sender)]
Server = Annotated[str, AfterValidator(values.server)]
HttpUrl = Annotated[str, AfterValidator(values.http_url)]
HttpsUrl = Annotated[str, AfterValidator(values.https_url)]
Label = Annotated[str, AfterValidator(values.label)]
ReportTarget = Annotated[str, AfterValidator(values.report_target)]
LocalPath = Annotated[Path, BeforeValidator(values.local_path)]
Duration = Annotated[str, shape(r"[1-9][0-9]{0,4}[smhdw]", "a time such as 30m, 2h or 5d")]
Size = Annotated[str, shape(r"[1-9][0-9]{0,5}[KMG]", "a size such as 500M or 1G")]  # K, M, G are powers of 1024
Port = Annotated[int, Field(ge=1, le=65535)]
NotEmpty = AfterValidator(values.not_empty)  # min_length would complain as well of a list whose only item is wrong
Argument = Annotated[
    str, shape(r"[^\s-]\S*", "a word without blanks that does not begin with -")
]  # safe as an argument of ssh


def _switch(value: Any) -> Any:
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


# Of a part that can be switched off: ``True`` is the part with its defaults, ``False`` is none of it.
Switch = BeforeValidator(_switch)


class Strict(BaseModel):
    """Frozen; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretSource(Strict):
    """Where a secret is read from, never the secret itself: a file (mode 0600), a variable, or the system keyring."""

    file: LocalPath | None = None
    env: Annotated[str, AfterValidator(values.variable)] | None = None
    keyring: Annotated[str, shape(r"[^/]+/[^/]+", "of the form service/user")] | None = None

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
