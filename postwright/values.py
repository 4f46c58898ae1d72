"""The grammar of what an inventory writes as text: names, addresses, networks, paths.

Pure. Each function takes what was written and gives it in its one normal form, or raises ValueError with the reason.
What comes out is safe in every file it is rendered into: no blanks, quotes or line ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_HOST_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_DNS_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PROVIDER = re.compile(r"[a-z0-9]{1,20}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TRUST_ANCHOR = re.compile(r"[A-Za-z0-9.+/= -]+")
_URL = re.compile(r"[#-+\-./0-:=?@A-Z_a-z~\[\]%]+")  # printable, without comma, semicolon, quote, backslash, !
_PLUGIN = re.compile(r"octodns_[a-z0-9_]+(\.[A-Za-z0-9_]+)+")
_WIREGUARD_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
_LAST_PORT = 65535
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NAME_LENGTH = 253  # RFC 1035 §2.3.4, as text
_LOCAL_LENGTH = 64  # RFC 5321 §4.5.3.1.1


def host_name(value: str) -> str:
    """A host or mail domain: lower case, at least two labels, no final dot (RFC 1123 §2.1, RFC 5890 for IDN)."""
    name = value.strip().removesuffix(".").lower()
    if not name.isascii():
        raise ValueError(f"{value!r} is not ASCII; write its A-label form{_a_label(name)}")
    labels = name.split(".")
    if len(labels) == 1 or len(name) > _NAME_LENGTH or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{value!r} is not a fully qualified host name, such as mail.example.com")
    if labels[-1].isdigit():
        raise ValueError(f"{value!r} is an address, not a host name")
    return name


def _a_label(name: str) -> str:
    try:
        return f" ({name.encode('idna').decode()!r})"
    except UnicodeError:
        return ", which begins with xn--"


def dns_name(value: str) -> str:
    """A name in the DNS, which may hold underscores and have a single label: a zone, a TSIG key."""
    name = value.strip().removesuffix(".").lower()
    if len(name) > _NAME_LENGTH or not all(_DNS_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{value!r} is not a DNS name, such as example.com or 2.0.192.in-addr.arpa")
    return name


def local_part(value: str) -> str:
    """What stands before the @ (RFC 5321 §4.1.2) without quoting; a # in front would make it a comment in a table."""
    if len(value) > _LOCAL_LENGTH or value.startswith("#") or not _ATOMS.fullmatch(value):
        raise ValueError(f"{value!r} cannot stand before the @ of a mail address")
    return value


def email_address(value: str) -> str:
    """An addr-spec without quoting; the domain in lower case."""
    local, at, domain = value.strip().rpartition("@")
    if not at:
        raise ValueError(f"{value!r} is not a mail address, such as ops@example.com")
    return f"{local_part(local)}@{host_name(domain)}"


def sender(value: str) -> str:
    """A mail address, or ``@domain`` for every address of a domain."""
    return "@" + host_name(value[1:]) if value.startswith("@") else email_address(value)


def alias(value: str) -> str:
    """The local part of an alias in lower case, or ``*`` for all others."""
    return value if value == "*" else local_part(value).lower()


def identifier(value: str) -> str:
    """A name that one part of an inventory gives and another refers to."""
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError(f"{value!r} is not a name of lower case letters, digits, - and _")
    return value


def provider(value: str) -> str:
    """A receiver of mail; part of the names of transports and classes of Postfix, which know no common separator."""
    if not _PROVIDER.fullmatch(value):
        raise ValueError(f"{_short(value)} is not a provider's name of lower case letters and digits")
    return value


def login(value: str) -> str:
    """What a client logs in with: a mail address or a plain name."""
    return email_address(value) if "@" in value else identifier(value)


def label(value: str) -> str:
    """One label of a host name, such as a DKIM selector."""
    if not _HOST_LABEL.fullmatch(value):
        raise ValueError(f"{value!r} is not one label of lower case letters, digits and -")
    return value


def selector_template(value: str) -> str:
    """How selectors are made up: letters, digits, ``-`` and ``{date}`` (20261122), ``{serial}`` (1, 2, ...), ``{host}``.

    The date must be in it, for it is what keeps names from coming round again. Of those made on one day the second gets
    ``-2`` at its end, unless ``{serial}`` says where the number stands.
    """
    try:
        filled = value.format(date="20261122", serial=100, host="h" * 20)
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        filled = ""
    if "{date}" not in value or not _HOST_LABEL.fullmatch(filled):
        raise ValueError(
            f"{_short(value)} is not a template for selectors, such as 'pw{{date}}' or '{{host}}-{{date}}-{{serial}}'; "
            "it is of lower case letters, digits and -, and has {date} in it"
        )
    return value


def signature_algorithm(value: Any) -> Any:
    """Ed25519 alone would leave mail unsigned to the many receivers that cannot verify it (RFC 8463 §3)."""
    if value == "ed25519":
        raise ValueError(
            "is Ed25519 alone, which many receivers cannot verify: to them the mail would be unsigned; "
            'say "rsa+ed25519", which signs each message twice'
        )
    return value


def duration(value: str) -> timedelta:
    """What ``5d`` means, as Postfix has it: s, m, h, d, w."""
    return timedelta(**{_UNITS[value[-1]]: int(value[:-1])})


def wireguard_key(value: str) -> str:
    """A WireGuard key: 32 octets in base64 (wg(8))."""
    if not _WIREGUARD_KEY.fullmatch(value):
        raise ValueError("is not a WireGuard public key, which `wg pubkey` prints: 44 characters that end with =")
    return value


def at_least(least: str) -> Callable[[str], str]:
    """A duration that must not be shorter."""

    def check(value: str) -> str:
        if duration(value) < duration(least):
            raise ValueError(f"{value!r} is too short; {least} is the least")
        return value

    return check


def mx_pattern(value: str) -> str:
    """A host name, or ``*.`` and a host name for one label of anything (RFC 8461 §4.1)."""
    return "*." + host_name(value[2:]) if value.startswith("*.") else host_name(value)


def http_url(value: str) -> str:
    """An absolute URL; plain http only to this machine, for a secret may go there."""
    parts = urlsplit(value)
    local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    return value.rstrip("/") if local else https_url(value).rstrip("/")


def https_url(value: str) -> str:
    """An absolute https URL without anything a DNS record's tag list would read as its own."""
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or not _URL.fullmatch(value):
        raise ValueError(f"{value!r:.80} is not an https URL, such as https://www.example.com/logo.svg")
    return value


def report_target(value: str) -> str:
    """Where reports go: a mail address or an https URL (RFC 8460 §3)."""
    return https_url(value) if value.startswith("https:") else email_address(value)


def plugin(value: str) -> str:
    """A class of octoDNS with its module."""
    if not _PLUGIN.fullmatch(value):
        raise ValueError(f"{value!r:.80} is not a class of octoDNS, such as octodns_route53.Route53Provider")
    return value


def endpoint(value: str) -> str:
    """An IP address, with ``@port`` where it is not 53."""
    found, at, port = value.partition("@")
    if at and not (port.isdecimal() and 0 < int(port) <= _LAST_PORT):
        raise ValueError(f"{value!r:.80} is not an address with a port, such as 192.0.2.53@5353")
    return f"{address(found)}{at}{port}"


def variable(value: str) -> str:
    """The name of an environment variable. The text is not repeated: it may be the secret itself, put there in error."""
    if not _VARIABLE.fullmatch(value):
        raise ValueError("is not the name of a variable, such as POSTWRIGHT_PASSPHRASE; never write the secret here")
    return value


def address(value: Any) -> IPv4Address | IPv6Address:
    """An IP address without a zone index."""
    if isinstance(value, IPv4Address | IPv6Address):
        return value
    try:
        if isinstance(value, str) and "%" not in value:
            return ip_address(value.strip())
    except ValueError:
        pass
    raise ValueError(f"{_short(value)} is not an IP address, such as 192.0.2.10 or 2001:db8::10")


def sending_address(value: Any) -> IPv4Address | IPv6Address:
    """An address mail can come from."""
    found = address(value)
    if found.is_loopback or found.is_multicast or found.is_unspecified or found.is_link_local:
        raise ValueError(f"{found} cannot send mail to others; name the address the world sees")
    return found


def inside_address(value: Any) -> IPv4Address | IPv6Address:
    """An address to listen on that the Internet does not reach: of the host itself or of a private network."""
    found = address(value)
    if found.is_global or found.is_unspecified or found.is_multicast or found.is_link_local:
        raise ValueError(
            f"{found} is, or may be, open to everybody; name 127.0.0.1, ::1 or an address of a private network"
        )
    return found


def network(value: Any) -> IPv4Network | IPv6Network:
    """An IP network in CIDR notation without host bits."""
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    if not isinstance(value, str) or "%" in value:
        raise ValueError(f"{_short(value)} is not a network, such as 192.0.2.0/24")
    try:
        return ip_network(value.strip())
    except ValueError as error:
        raise ValueError(f"{error}; write a network, such as 192.0.2.0/24") from None


def trusted_network(value: Any) -> IPv4Network | IPv6Network:
    """A network that may relay. All of the Internet would be an open relay."""
    found = network(value)
    if found.prefixlen == 0:
        raise ValueError(f"{found} is everybody: the host would be an open relay; name your own networks")
    return found


def server(value: str) -> str:
    """A host name or an address."""
    try:
        return str(address(value))
    except ValueError:
        return host_name(value)


def trust_anchor(value: str) -> str:
    """A DS or DNSKEY record in presentation form."""
    if not _TRUST_ANCHOR.fullmatch(value):
        raise ValueError(f"{_short(value)} is not a DS or DNSKEY record on one line")
    return value


def local_path(value: Any) -> Any:
    """A path on the operator's machine."""
    if isinstance(value, str) and (not value or not value.isprintable()):
        raise ValueError(f"{_short(value)} is not a path")
    return value


def hash_path(value: Path) -> Path:
    """The path of a file with a password hash, not the hash itself, which is not repeated here."""
    if str(value).startswith(("$", "{")):
        raise ValueError("is a hash; put it into a file (mode 0600) and name that here")
    return value


def not_empty(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """A list of which at least one is needed."""
    if not value:
        raise ValueError("is empty; name at least one")
    return value


def _short(value: Any) -> str:
    """What was written, if it is text of a readable length; else its kind."""
    return f"{value!r:.80}" if isinstance(value, str) else f"a value of type {type(value).__name__}"
