"""The public half of a DKIM key, as DNS and checks need it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class PublicKey:
    """``p`` is base64 of the DER SubjectPublicKeyInfo, as the ``p=`` tag wants it (RFC 6376 §3.6.1)."""

    domain: str
    selector: str
    p: str

    @property
    def name(self) -> str:
        """The name its TXT record lives at."""
        return f"{self.selector}._domainkey.{self.domain}"
