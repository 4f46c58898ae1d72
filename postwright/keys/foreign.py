"""Keys that were made elsewhere: PEM files of any kind, named by hand or by OpenDKIM's KeyTable.

Promise: no text of an error holds any part of a key or a passphrase; nothing is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from postwright import values
from postwright.errors import KeyringError
from postwright.keys.key import record_name
from postwright.keys.private import SigningKey

LEAST_BITS = 1024  # receivers take no less (RFC 8301 §3.2)
_SELECTOR = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


@dataclass(frozen=True)
class Entry:
    """Whose key it is, and the PEM file that holds it. Names in lower case, which DNS does not tell apart."""

    domain: str
    selector: str
    path: Path

    @property
    def name(self) -> str:
        """The name receivers ask for."""
        return record_name(self.selector, self.domain)

    def __str__(self) -> str:
        return f"{self.domain}: {self.selector} ({self.path})"


def entry(domain: str, selector: str, path: Path) -> Entry:
    """An entry of sound names; ValueError says what is wrong with them."""
    made = Entry(values.host_name(domain), selector.strip().lower(), path)
    if not _SELECTOR.fullmatch(made.selector):
        raise ValueError(f"{selector!r} is not a selector of letters, digits, - and .")
    values.dns_name(made.name)
    return made


def key_table(path: Path, root: Path) -> tuple[list[Entry], list[str]]:
    """The entries of a KeyTable (opendkim.conf(5)), and a line for each that cannot be taken over. Files lie below ``root``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise KeyringError(f"cannot read {path}: {reason}; name OpenDKIM's KeyTable, or a copy of it") from None
    found: dict[Entry, None] = {}  # several names may lead to one key
    problems = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                found[_table_entry(line, root)] = None
            except ValueError as error:
                problems.append(f"{path}:{number}: {error}")
    return list(found), problems


def _table_entry(line: str, root: Path) -> Entry:
    """``keyname domain:selector:/path``, the name and the rest parted by white space."""
    fields = (line.split(None, 1)[1:] or [""])[0].strip().split(":", 2)
    if len(fields) != len(("domain", "selector", "path")):
        raise ValueError("not a line of a KeyTable (name domain:selector:/path); name the file KeyTable leads to")
    domain, selector, file = fields
    if "%" in domain or "%" in file:
        raise ValueError('has "%" for whatever domain a message is from; write a line for each domain of the inventory')
    if not file.startswith(("/", "./", "../")):
        raise ValueError("holds the key itself, not its path; put the key into a PEM file and name that")
    return entry(domain, selector, root / file.lstrip("/"))


def twice(entries: Iterable[Entry]) -> Iterator[str]:
    """A line for each selector that two files claim."""
    seen: dict[str, Entry] = {}
    for it in entries:
        other = seen.setdefault(it.name, it)
        if other.path != it.path:
            yield f"{it}: {other.path} claims the same selector; leave the one whose key is in DNS"


def is_encrypted(content: bytes) -> bool:
    """Whether it takes a passphrase to read the PEM; both PKCS#8 and OpenSSL's older form say so."""
    return b"ENCRYPTED" in content


def content(path: Path) -> bytes:
    """What the file holds; KeyringError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyringError(
            f"{path}: cannot be read: {error.strerror}; is it the right path, or the right --root?"
        ) from None


def loaded(text: bytes, passphrase: str | None, path: Path) -> SigningKey:
    """The key in a PEM: PKCS#1 or PKCS#8, encrypted or not. KeyringError if it holds none that can sign."""
    password = passphrase.encode() if passphrase and is_encrypted(text) else None
    try:
        found = serialization.load_pem_private_key(text, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        reason = "the passphrase does not open it" if is_encrypted(text) else "not a private key in PEM, or damaged"
        raise KeyringError(f"{path}: {reason}; nothing was taken over from it") from None
    if isinstance(found, ed25519.Ed25519PrivateKey):
        return found
    if not isinstance(found, rsa.RSAPrivateKey):
        raise KeyringError(f"{path}: neither an RSA nor an Ed25519 key; DKIM knows no others")
    if found.key_size < LEAST_BITS:
        raise KeyringError(
            f"{path}: has {found.key_size} bits; receivers take none below {LEAST_BITS}, have apply make one"
        )
    return found
