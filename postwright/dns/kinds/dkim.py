"""DKIM key records (RFC 6376 §3.6.1, RFC 8301). Promise: pure; sees public keys only."""

from __future__ import annotations

from postwright.dns.canonical import txt_octets, txt_rdata
from postwright.keys.public import PublicKey


def record(key: PublicKey) -> str:
    """The rdata of a key's record: sha256 alone (RFC 8301 §3.1), for mail alone, in strings of 255 octets.

    One that was published before it came to us keeps its text as long as it is not revoked.
    """
    ours = f"v=DKIM1; h=sha256; k={key.algorithm}; s=email; p={key.p}"
    return txt_rdata([(key.record or ours).encode("ascii")])


def is_key_name(name: str) -> bool:
    """Whether a name is one a selector's key lives at."""
    return "._domainkey." in name


def public_part(rdata: str) -> bytes:
    """The ``p=`` tag of a key record without white space, empty when there is none or the key is revoked."""
    for tag in txt_octets(rdata).split(b";"):
        label, _, value = tag.partition(b"=")
        if label.strip() == b"p":
            return b"".join(value.split())
    return b""
