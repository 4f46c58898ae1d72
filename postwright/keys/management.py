"""WireGuard keys of hosts, beside the DKIM keys: ``management/HOST.pem`` (X25519 as PKCS#8) and ``management/HOST.pub``.

Promise: as the keyring's own, a private key touches the disk encrypted only, 0600 from the first byte. A key is made once
and never replaced by itself, for operators have its public half in their configurations.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import x25519

from postwright.errors import KeyringError
from postwright.files import NAME, write_atomically
from postwright.keys import private

FOLDER = "management"
_RAW = serialization.Encoding.Raw


def make(directory: Path, hosts: Iterable[str], passphrase: str) -> list[str]:
    """Make the keys of hosts that have none, under the keyring's directory; the hosts they were made for."""
    named = list(hosts)
    for host in named:
        private.require_not_lost(_path(directory, host, "pem"), _path(directory, host, "pub"))
    missing = [host for host in named if not _path(directory, host, "pub").exists()]
    for host in missing:
        pem = _path(directory, host, "pem")
        # A run cut short after the private half has left one that is as good as new.
        key = _loaded(pem, passphrase) if pem.exists() else x25519.X25519PrivateKey.generate()
        write_atomically(pem, private.encrypted(key, passphrase), 0o600)
        write_atomically(_path(directory, host, "pub"), _public(key) + b"\n")
    return missing


def private_key(directory: Path, host: str, passphrase: str) -> str:
    """The private key as WireGuard writes it; empty while it is not made. KeyringError if it is not that of its public half."""
    path, public = _path(directory, host, "pem"), _path(directory, host, "pub")
    private.require_not_lost(path, public)
    if not path.exists():
        return ""
    found = _loaded(path, passphrase)
    if public_key(directory, host) not in ("", _public(found).decode()):
        raise KeyringError(f"{path}: not the key {public} is the public half of; restore both from version control")
    raw = found.private_bytes(_RAW, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    return b64encode(raw).decode()


def files(directory: Path, passphrase: str) -> list[Path]:
    """Both halves of every key, each key opened and compared once."""
    found = []
    for host in private.names(directory / FOLDER):
        private_key(directory, host, passphrase)
        found += [path for kind in ("pem", "pub") if (path := _path(directory, host, kind)).exists()]
    return found


def public_key(directory: Path, host: str) -> str:
    """The public key as WireGuard writes it; empty while it is not made."""
    try:
        return _path(directory, host, "pub").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise KeyringError(f"{_path(directory, host, 'pub')}: {error}; restore it from version control") from None


def _public(key: x25519.X25519PrivateKey) -> bytes:
    return b64encode(key.public_key().public_bytes(_RAW, serialization.PublicFormat.Raw))


def _loaded(path: Path, passphrase: str) -> x25519.X25519PrivateKey:
    found = private.load_private_key(path, passphrase)
    if isinstance(found, x25519.X25519PrivateKey):
        return found
    raise KeyringError(f"{path}: no key of WireGuard (X25519); restore it from version control, or remove it")


def _path(directory: Path, host: str, kind: str) -> Path:
    if not NAME.fullmatch(host):
        raise KeyringError(f"host {host}: its name cannot be that of a file; rename it in the inventory")
    return directory / FOLDER / f"{host}.{kind}"
