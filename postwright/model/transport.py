"""What an inventory says of the transport security of outgoing mail. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from postwright import values_tls
from postwright.model.fields import Strict

Level = Literal["encrypt", "dane-only", "secure", "verify", "fingerprint"]
_MATCHING = ("secure", "verify")


class TlsPolicy(Strict):
    """What a receiver must show before it gets mail (postconf(5), smtp_tls_policy_maps); else its mail waits.

    ``encrypt``: TLS, whoever it is. ``dane-only``: a certificate that DNSSEC vouches for. ``secure``: one of a known
    authority for a name of ``match``, by default the domain or a name below it; ``verify``: the same, by default for the
    name of its MX host, which DNS says. ``fingerprint``: a key or certificate of ``fingerprints``, SHA-256 in hexadecimal.
    """

    level: Level
    match: tuple[Annotated[str, AfterValidator(values_tls.certificate_match)], ...] = ()
    fingerprints: tuple[Annotated[str, AfterValidator(values_tls.fingerprint)], ...] = ()

    @model_validator(mode="after")
    def _fits_its_level(self) -> TlsPolicy:
        if self.match and self.level not in _MATCHING:
            msg = f'"match" is for the levels {" and ".join(_MATCHING)}; take it out, or mend the level'
            raise ValueError(msg)
        if bool(self.fingerprints) != (self.level == "fingerprint"):
            msg = 'the level "fingerprint" and "fingerprints" go together; give both or neither'
            raise ValueError(msg)
        return self


class OutboundTls(Strict):
    """How mail is protected on its way to others.

    ``mta_sts``: do as receivers' MTA-STS policies say (RFC 8461); DANE comes first where a receiver has both. ``level``:
    for receivers that publish neither; ``dane`` encrypts if they can, ``encrypt`` keeps their mail back if they cannot.
    ``policies``: receiver's domain → what it must show, whatever it publishes; ``.name`` is every name below a name.
    """

    mta_sts: bool = False
    level: Literal["dane", "encrypt"] = "dane"
    policies: dict[Annotated[str, AfterValidator(values_tls.destination)], TlsPolicy] = Field(default_factory=dict)
