"""The DKIM keyring: one folder per domain with encrypted PKCS#8 files and a readable ``lifecycle.json``.

Promise: a private key touches the disk encrypted only, mode 0600 from the first byte; a selector is never used twice;
what is written is complete or not there. Fit to be committed to Git: without the passphrase it is of no use.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from pydantic import Field, TypeAdapter

from postwright.errors import KeyringError
from postwright.files import write_atomically
from postwright.keys.public import PublicKey
from postwright.keys.selectors import next_fixed, next_selector

State = Literal["generated", "active"]
MINIMUM_PASSPHRASE = 16  # PKCS#8's key derivation is fast, so the passphrase itself must be strong


@dataclass(frozen=True)
class Key:
    """One key of a domain. ``generated``: not yet seen in DNS by all; ``active``: hosts may sign with it."""

    selector: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    state: State
    bits: int
    created: str
    p: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+=*$")]


_KEYS = TypeAdapter(tuple[Key, ...])


@dataclass(frozen=True)
class Keyring:
    """A keyring on disk; methods read it anew, so two processes do not see each other's past.

    ``fixed`` gives the only selectors a domain's keys may have, where its owner leads these to us by CNAME; else none.
    """

    directory: Path
    fixed: Callable[[str], tuple[str, ...]] = lambda _domain: ()

    def keys(self, domain: str) -> tuple[Key, ...]:
        """All keys of a domain, oldest first."""
        path = self._lifecycle(domain)
        try:
            return _KEYS.validate_python(json.loads(path.read_text(encoding="utf-8"))["keys"])
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"{path}: not a lifecycle file ({type(error).__name__}); restore it from version control"
            raise KeyringError(msg) from None

    def public_keys(self, domains: list[str]) -> tuple[PublicKey, ...]:
        """What DNS must show for these domains: every key that signs or is to sign soon."""
        return tuple(PublicKey(domain, key.selector, key.p) for domain in domains for key in self.keys(domain))

    def signing_key(self, domain: str) -> Key | None:
        """The newest active key of a domain: the one to sign with."""
        return next((key for key in reversed(self.keys(domain)) if key.state == "active"), None)

    def missing(self, domains: list[str]) -> list[str]:
        """The domains that have no key at all."""
        return [domain for domain in domains if not self.keys(domain)]

    def generate(self, domains: list[str], bits: int, passphrase: str, today: date) -> None:
        """Give each of the domains a new key in state ``generated``."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda domain: self._generate(domain, bits, passphrase, today), domains))

    def _generate(self, domain: str, bits: int, passphrase: str, today: date) -> None:
        private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        selector = self.next_selector(domain, today)
        write_atomically(self._pem(domain, selector), _encrypted(private, passphrase), 0o600)
        key = Key(selector, "generated", bits, today.isoformat(), public_text(private.public_key()))
        self._write(domain, (*self.keys(domain), key))

    def activate(self, domain: str) -> None:
        """Mark the domain's keys as confirmed in DNS: from now on hosts may sign with them."""
        keys = self.keys(domain)
        if any(key.state != "active" for key in keys):
            self._write(domain, tuple(replace(key, state="active") for key in keys))

    def private_pem(self, domain: str, key: Key, passphrase: str) -> bytes:
        """The key as unencrypted PKCS#8 PEM, for the host that signs with it. KeyringError if it is not that key."""
        path = self._pem(domain, key.selector)
        private = load_private_key(path, passphrase)
        if not isinstance(private, rsa.RSAPrivateKey) or public_text(private.public_key()) != key.p:
            msg = f"{path}: not the key {self._lifecycle(domain)} describes; restore both from version control"
            raise KeyringError(msg)
        return private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def next_selector(self, domain: str, today: date) -> str:
        """The selector a key made that day gets. Files count: a crash may have left one the lifecycle does not know.

        KeyringError when all fixed selectors of the domain were used.
        """
        files = {path.stem for path in (self.directory / domain).glob("*.pem")}
        used = files | {key.selector for key in self.keys(domain)}
        fixed = self.fixed(domain)
        if not fixed:
            return next_selector(today, used)
        selector = next_fixed(fixed, used)
        if selector is None:
            msg = (
                f"{self.directory / domain}: every selector the domain's owner leads to us ({', '.join(fixed)}) has had a key, "
                "and none is used twice; add a free one to delegated.selectors and have its owner set the CNAME"
            )
            raise KeyringError(msg)
        return selector

    def _pem(self, domain: str, selector: str) -> Path:
        return self.directory / domain / f"{selector}.pem"

    def _lifecycle(self, domain: str) -> Path:
        return self.directory / domain / "lifecycle.json"

    def _write(self, domain: str, keys: tuple[Key, ...]) -> None:
        document = {"domain": domain, "keys": [asdict(key) for key in keys]}
        write_atomically(self._lifecycle(domain), (json.dumps(document, indent=2) + "\n").encode())


def require_strength(passphrase: str, source: str) -> str:
    """The passphrase, if it is long enough to protect keys in a repository."""
    if len(passphrase) < MINIMUM_PASSPHRASE:
        msg = f"mail_fleet.keys.passphrase ({source}): shorter than {MINIMUM_PASSPHRASE} characters; make one with: openssl rand -base64 30"
        raise KeyringError(msg)
    return passphrase


def public_text(public: rsa.RSAPublicKey) -> str:
    """The ``p=`` value of a public key (RFC 6376 §3.6.1)."""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b64encode(der).decode()


def _encrypted(private: rsa.RSAPrivateKey, passphrase: str) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )


def load_private_key(path: Path, passphrase: str | None) -> PrivateKeyTypes:
    """A private key from a PEM file, encrypted or not. KeyringError, without any of its content, if there is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}; restore it from version control or a backup"
        raise KeyringError(msg) from None
    password = passphrase.encode() if passphrase and b"ENCRYPTED" in content else None
    try:
        return serialization.load_pem_private_key(content, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        msg = f"{path}: the passphrase does not open it, or it is damaged; look at mail_fleet.keys.passphrase"
        raise KeyringError(msg) from None
