"""Private keys: made, encrypted, read. Promise: the text of an error never holds any part of a key."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from postwright.errors import KeyringError
from postwright.keys.key import Algorithm

SigningKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
MINIMUM_PASSPHRASE = 16  # PKCS#8's key derivation is fast, so the passphrase itself must be strong


def generate(algorithm: Algorithm, bits: int) -> SigningKey:
    """A new key; ``bits`` count for RSA only."""
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_text(private: SigningKey) -> str:
    """The ``p=`` value of its public half (RFC 6376 §3.6.1, RFC 8463 §4.1)."""
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if isinstance(private, ed25519.Ed25519PrivateKey):
        encoding, form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return b64encode(private.public_key().public_bytes(encoding, form)).decode()


def algorithm_of(private: SigningKey) -> Algorithm:
    return "ed25519" if isinstance(private, ed25519.Ed25519PrivateKey) else "rsa"


def bits_of(private: SigningKey) -> int:
    return private.key_size if isinstance(private, rsa.RSAPrivateKey) else 256


def plain(private: PrivateKeyTypes) -> bytes:
    """Unencrypted PKCS#8 PEM, for the host that uses it."""
    return _pem(private, serialization.NoEncryption())


def encrypted(private: PrivateKeyTypes, passphrase: str) -> bytes:
    """Encrypted PKCS#8 PEM, as the keyring keeps it."""
    return _pem(private, serialization.BestAvailableEncryption(passphrase.encode()))


def _pem(private: PrivateKeyTypes, how: serialization.KeySerializationEncryption) -> bytes:
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def require_not_lost(pem: Path, pub: Path) -> None:
    """KeyringError where only the public half is left: the key was made, and others know it."""
    if pub.exists() and not pem.exists():
        raise KeyringError(
            f"{pem}: missing, though {pub.name} is there; restore it from version control or `keys restore`, or remove "
            f"{pub.name} too and get another key"
        )


def names(folder: Path) -> list[str]:
    """Whose keys a folder has, or one half of them."""
    return sorted({path.stem for kind in ("pem", "pub") for path in folder.glob(f"*.{kind}")})


def load_private_key(path: Path, passphrase: str | None) -> PrivateKeyTypes:
    """A private key from a PEM file, encrypted or not. KeyringError if there is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}; restore it from version control or a backup"
        raise KeyringError(msg) from None
    return loaded(content, passphrase, path)


def loaded(content: bytes, passphrase: str | None, path: Path) -> PrivateKeyTypes:
    """The private key in the content of a PEM file; ``path`` is for the error."""
    password = passphrase.encode() if passphrase and b"ENCRYPTED" in content else None
    try:
        # OpenSSL's own validation looks whether the primes are prime: 45 ms a key, 90 s for 2,000 domains. ``is_sound``
        # sees what damage does.
        return serialization.load_pem_private_key(content, password, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        msg = f"{path}: the passphrase does not open it, or it is damaged; look at mail_fleet.keys.passphrase"
        raise KeyringError(msg) from None


def is_sound(private: SigningKey) -> bool:
    """Whether the parts of a key belong together, so that what it signs verifies with its public half (RFC 8017 §3.2)."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return True
    numbers = private.private_numbers()
    p, q, public = numbers.p, numbers.q, numbers.public_numbers
    halves = (
        numbers.d * public.e % (prime - 1) == 1 and numbers.d % (prime - 1) == dm
        for prime, dm in ((p, numbers.dmp1), (q, numbers.dmq1))
    )
    return p * q == public.n and numbers.iqmp * q % p == 1 and all(halves)


def require_strength(passphrase: str, source: str) -> str:
    """The passphrase, if it is long enough to protect keys in a repository."""
    if len(passphrase) < MINIMUM_PASSPHRASE:
        msg = f"mail_fleet.keys.passphrase ({source}): shorter than {MINIMUM_PASSPHRASE} characters; make one with: openssl rand -base64 30"
        raise KeyringError(msg)
    return passphrase
