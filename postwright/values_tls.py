"""The grammar of what an inventory writes about TLS to others; like ``values``, of which it is a part. Pure."""

from __future__ import annotations

import re

from postwright.values import host_name

_FINGERPRINT = re.compile(r"[0-9a-f]{2}(:?[0-9a-f]{2}){31}")
_KEYWORDS = ("nexthop", "dot-nexthop", "hostname")


def destination(value: str) -> str:
    """A mail domain, or ``.name`` for every name below one (postconf(5), smtp_tls_policy_maps)."""
    return "." + host_name(value[1:]) if value.startswith(".") else host_name(value)


def certificate_match(value: str) -> str:
    """A name a certificate may be for: a host name, ``.name`` for those below it, or one of Postfix's own words."""
    return value if value in _KEYWORDS else destination(value)


def fingerprint(value: str) -> str:
    """SHA-256 in hexadecimal, with colons between its octets or without; it comes out with them, in lower case."""
    found = value.strip().lower()
    if not _FINGERPRINT.fullmatch(found):
        raise ValueError(
            f"{value!r:.80} is not a SHA-256 fingerprint of 32 octets in hexadecimal; see `openssl x509 -noout -fingerprint -sha256`"
        )
    digits = found.replace(":", "")
    return ":".join(digits[start : start + 2] for start in range(0, len(digits), 2))


def policy_host(value: str) -> str:
    """Who serves a policy: a host name, or ``hosts`` for those of the fleet that take the domain's mail."""
    return value if value == "hosts" else host_name(value)
