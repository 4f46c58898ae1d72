"""The TLS keys of hosts that get their certificates by ACME: made here, kept beside the DKIM keys, the same over renewals.

Promise: a private key touches the disk encrypted only, mode 0600 from the first byte. Its public half lies beside it in
clear, so that DNS can be told of it (TLSA) without the passphrase, and before the host is there.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from postwright.errors import KeyringError
from postwright.files import write_atomically
from postwright.keys import private

FOLDER = "tls"
_PEM, _DER = serialization.Encoding.PEM, serialization.Encoding.DER
_FORM = serialization.PublicFormat.SubjectPublicKeyInfo


def private_path(directory: Path, host: str) -> Path:
    """Where a keyring has the private key of a host, by its inventory name."""
    return directory / FOLDER / f"{host}.pem"


def public_path(directory: Path, host: str) -> Path:
    """Where it has the public half."""
    return directory / FOLDER / f"{host}.pub"


def make(directory: Path, host: str, passphrase: str) -> None:
    """Make a host's key (P-256) unless it is there; a public half that a run cut short did not write is made up for."""
    path = private_path(directory, host)
    private.require_not_lost(path, public_path(directory, host))
    found = private.load_private_key(path, passphrase) if path.exists() else ec.generate_private_key(ec.SECP256R1())
    if not path.exists():
        write_atomically(path, private.encrypted(found, passphrase), 0o600)
    write_atomically(public_path(directory, host), found.public_key().public_bytes(_PEM, _FORM))


def is_made(directory: Path, host: str) -> bool:
    """Whether the keyring has the host's key, both halves. KeyringError if the private one is lost: DNS may name that key."""
    private.require_not_lost(private_path(directory, host), public_path(directory, host))
    return private_path(directory, host).exists() and public_path(directory, host).exists()


def digest(directory: Path, host: str) -> str | None:
    """SHA-256 of the DER SubjectPublicKeyInfo in hexadecimal, or None if there is no key yet. KeyringError if it is damaged."""
    if not is_made(directory, host):
        return None
    return sha256(_public(public_path(directory, host)).public_bytes(_DER, _FORM)).hexdigest()


def load(directory: Path, host: str, passphrase: str) -> PrivateKeyTypes:
    """The private key. KeyringError if it is not the one its public half says, for DNS tells the world of that."""
    path, public = private_path(directory, host), public_path(directory, host)
    found = private.load_private_key(path, passphrase)
    if found.public_key().public_bytes(_DER, _FORM) != _public(public).public_bytes(_DER, _FORM):
        raise KeyringError(f"{path}: not the key {public} is the public half of; restore both from version control")
    return found


def _public(path: Path) -> PublicKeyTypes:
    try:
        return serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        msg = f"{path}: not a public key ({type(error).__name__}); restore it from version control"
        raise KeyringError(msg) from None


def files(directory: Path, passphrase: str) -> list[Path]:
    """Both halves of every key, each key opened and compared once."""
    found = []
    for host in private.names(directory / FOLDER):
        private.require_not_lost(private_path(directory, host), public_path(directory, host))
        load(directory, host, passphrase)
        found += [private_path(directory, host), public_path(directory, host)]
    return found
