"""Whether a certificate and its key, as PEM files on the operator's disk, are fit for a host."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from postwright.errors import PostwrightError
from postwright.keys.private import load_private_key

_DER = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def problems(certificate: Path, key: Path, name: str, passphrase: Callable[[], str]) -> Iterator[str]:
    """All that is wrong with the pair for a host of that name; ``passphrase`` is called for an encrypted key only."""
    try:
        own = first_of(certificate)
        names = names_of(own)
    except (ValueError, OSError) as error:
        yield f"{certificate}: not a PEM certificate ({error}); put the full chain there, the host's own first"
    else:
        yield from _validity(certificate, own)
        if not any(matches(pattern, name) for pattern in names):
            yield f"{certificate}: is for {', '.join(names) or 'no name'}, not for {name}; get one for that name"
        yield from _pair(own, key, passphrase)
    yield from readable_by_others(key)


def first_of(path: Path) -> x509.Certificate:
    """The host's own certificate, the first of its chain; ValueError or OSError if there is none."""
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def unreadable(path: Path) -> Iterator[str]:
    """The problem of a file that should hold an authority's certificate and does not."""
    try:
        first_of(path)
    except (ValueError, OSError) as error:
        yield f"{path}: not a PEM certificate ({error}); put that of the authority there"


def key_digest(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo in hexadecimal."""
    return sha256(certificate.public_key().public_bytes(*_DER)).hexdigest()


def is_self_signed(path: Path) -> bool:
    """Whether nobody but the host itself vouches for it."""
    certificate = first_of(path)
    return certificate.issuer == certificate.subject


def readable_by_others(path: Path) -> Iterator[str]:
    """The problem of a private file that is not private."""
    try:
        open_to_others = stat.S_IMODE(path.stat().st_mode) & 0o077
    except OSError as error:
        yield f"{path}: cannot be read: {error.strerror}; put it there"
        return
    if open_to_others:
        yield f"{path}: others can read it; run: chmod 600 {path}"


def not_covered(path: Path, names: Iterable[str]) -> list[str]:
    """Those of the names that a certificate is not for; none of what is no certificate, which ``problems`` tells."""
    try:
        known = names_of(first_of(path))
    except (ValueError, OSError):
        return []
    return [name for name in names if not any(matches(pattern, name) for pattern in known)]


def _validity(path: Path, certificate: x509.Certificate) -> Iterator[str]:
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        yield f"{path}: expired on {certificate.not_valid_after_utc:%Y-%m-%d}; renew it"
    if certificate.not_valid_before_utc > now:
        yield f"{path}: valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on; wait, or look at this clock"


def _pair(certificate: x509.Certificate, key: Path, passphrase: Callable[[], str]) -> Iterator[str]:
    try:
        private = load_private_key(key, passphrase() if b"ENCRYPTED" in key.read_bytes() else None)
    except PostwrightError as error:
        yield str(error)
        return
    except OSError:
        return  # told by readable_by_others
    if private.public_key().public_bytes(*_DER) != certificate.public_key().public_bytes(*_DER):
        yield f"{key}: not the key of its certificate; the two must belong together, put the right one there"


def names_of(certificate: x509.Certificate) -> list[str]:
    """The DNS names it is for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def matches(pattern: str, name: str) -> bool:
    """Whether a name of a certificate covers a name. RFC 6125 §6.4.3: a wildcard stands for one whole leftmost label."""
    return pattern.lower() == name or (pattern.startswith("*.") and pattern[2:].lower() == name.partition(".")[2])
