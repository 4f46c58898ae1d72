"""Where a host's certificate comes from: files of the operator, or an ACME server (RFC 8555). Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Tag

from postwright import values
from postwright.model.fields import Duration, EmailAddress, HttpsUrl, Identifier, LocalPath, Strict

LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
LETS_ENCRYPT_STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"


class TlsFiles(Strict):
    """A certificate chain and its key as PEM files on the operator's machine; relative to the inventory."""

    certificate: LocalPath
    key: LocalPath


FROM_ACME: Literal["acme"] = "acme"
KINDS = ("files", FROM_ACME)


def _kind(value: Any) -> str:
    return FROM_ACME if value == FROM_ACME else "files"


Tls = Annotated[
    Annotated[TlsFiles, Tag("files")] | Annotated[Literal["acme"], Tag("acme")],
    Discriminator(_kind),
]


class Acme(Strict):
    """The certificate authority of hosts with ``"tls": "acme"``, and how it is shown that a host has its names.

    ``contact``: for the account. ``staging``: asked first where there is no fit certificate yet, so that trials burn no rate
    limit; None: nobody. ``challenge``: RFC 8555 §8.3, §8.4. ``provider``: the rfc2136 provider for dns-01; its TSIG secret
    goes to the hosts. ``renew_before`` the end; a certificate that is valid for no longer is renewed for its last third.
    ``authority``: the CA, as PEM, of the ACME server's own certificate where it is a private one.
    """

    contact: EmailAddress
    directory: HttpsUrl = LETS_ENCRYPT
    staging: HttpsUrl | None = LETS_ENCRYPT_STAGING
    challenge: Literal["http-01", "dns-01"] = "http-01"
    provider: Identifier | None = None
    renew_before: Annotated[Duration, AfterValidator(values.at_least("1d"))] = "30d"
    authority: LocalPath | None = None
