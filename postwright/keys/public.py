"""The public half of a DKIM key, as DNS and checks need it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from postwright.keys.key import Algorithm, record_name


@dataclass(frozen=True, order=True)
class PublicKey:
    """A key as its record shows it.

    ``p`` is the ``p=`` tag: base64 of the DER SubjectPublicKeyInfo for RSA (RFC 6376 §3.6.1), of the 32 octets
    themselves for Ed25519 (RFC 8463 §4.1), and empty once the key is revoked. ``record``: the whole text of the record
    where it was published before it came to us. ``home``: where it stands, if not at ``name``.
    """

    domain: str
    selector: str
    p: str
    algorithm: Algorithm = "rsa"
    record: str | None = None
    home: str | None = None

    @property
    def name(self) -> str:
        """The name its TXT record lives at."""
        return record_name(self.selector, self.domain)
