"""What a DKIM key record says of its key (RFC 6376 §3.6.1). Pure."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import cast

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from postwright.keys.key import Algorithm

_ED25519_OCTETS = 32


@dataclass(frozen=True)
class Published:
    """The public key of a record; ``p`` without white space."""

    algorithm: Algorithm
    bits: int
    p: str


def published(text: str) -> Published:
    """The key in the text of a record; ValueError if no receiver could verify mail of ours with it."""
    tags = _tags(text)
    algorithm, p = tags.get("k", "rsa"), tags.get("p", "")
    if tags.get("v", "DKIM1") != "DKIM1" or algorithm not in {"rsa", "ed25519"}:
        raise ValueError("is not a DKIM key that receivers know")
    if not p:
        raise ValueError("says that the key is revoked (an empty p=)")
    if "sha256" not in tags.get("h", "sha256").split(":"):
        raise ValueError(f"allows h={tags['h']} only, and hosts sign with sha256; publish it without h=")
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        raise ValueError(f"is not for mail (s={tags['s']})")
    return Published(cast("Algorithm", algorithm), _bits(algorithm, p), p)


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


def _bits(algorithm: str, p: str) -> int:
    try:
        octets = b64decode(p, validate=True)
        if algorithm == "ed25519" and len(octets) == _ED25519_OCTETS:
            return 8 * _ED25519_OCTETS
        found = load_der_public_key(octets)
        if algorithm == "rsa" and isinstance(found, rsa.RSAPublicKey):
            return found.key_size
    except ValueError:
        pass
    raise ValueError(f"has a p= that is no {algorithm} key")
