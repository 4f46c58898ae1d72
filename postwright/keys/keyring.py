"""The DKIM keyring: one folder per domain with encrypted PKCS#8 files and a readable ``lifecycle.json``.

Promise: a private key touches the disk encrypted only, mode 0600 from the first byte; what is written is complete or not
there; nothing is written that would break the rules of ``lifecycle``. Fit to be committed to Git: without the passphrase
it is of no use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from pydantic import TypeAdapter

from postwright.errors import KeyringError
from postwright.files import write_atomically
from postwright.keys import private
from postwright.keys.key import VALID, Key, Keys
from postwright.keys.public import PublicKey


@dataclass(frozen=True)
class _Document:
    """What a lifecycle file holds; version 1 was never released."""

    format: Literal[2]
    domain: str
    keys: Keys


_DOCUMENT = TypeAdapter(_Document)


@dataclass(frozen=True)
class Keyring:
    """A keyring on disk; methods read it anew, so two processes do not see each other's past."""

    directory: Path

    def domains(self) -> list[str]:
        """The domains it knows anything of, sorted."""
        return sorted(path.parent.name for path in self.directory.glob("*/lifecycle.json"))

    def keys(self, domain: str) -> Keys:
        """All keys of a domain, in the order they were made; those that are deleted too."""
        path = self.lifecycle(domain)
        try:
            return _DOCUMENT.validate_json(path.read_bytes()).keys
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            msg = f"{path}: not a lifecycle file ({type(error).__name__}); restore it from version control"
            raise KeyringError(msg) from None

    def read(self, domains: Iterable[str]) -> dict[str, Keys]:
        """Domain → its keys."""
        return {domain: self.keys(domain) for domain in domains}

    def write(self, domain: str, keys: Keys) -> None:
        """Replace what the keyring says of a domain; KeyringError if that cannot be."""
        document = _Document(2, domain, self._allowed(domain, keys))
        text = _DOCUMENT.dump_json(document, indent=2, exclude_defaults=True)
        write_atomically(self.lifecycle(domain), text + b"\n")

    def _allowed(self, domain: str, keys: Keys) -> Keys:
        living = Counter(key.selector for key in keys if key.state != "deleted")
        twice = [selector for selector, number in living.items() if number > 1]
        if twice:
            raise KeyringError(f"{self.lifecycle(domain)}: {', '.join(twice)} would have two keys; nothing was written")
        return keys

    def update(self, domains: Iterable[str], change: Callable[[str, Keys], Keys]) -> list[str]:
        """Write what ``change`` makes of each domain's keys, if it is something else; returns the domains written."""
        written = []
        for domain in domains:
            before = self.keys(domain)
            if (after := change(domain, before)) != before:
                self.write(domain, after)
                written.append(domain)
        return written

    def create(self, drafts: Collection[tuple[str, Key]], passphrase: str) -> None:
        """Make the private keys of drafts, each with its domain; keys of a domain are made one after the other."""
        by_domain: dict[str, list[Key]] = {}
        for domain, draft in drafts:
            by_domain.setdefault(domain, []).append(draft)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda domain: self._create(domain, by_domain[domain], passphrase), by_domain))

    def _create(self, domain: str, drafts: list[Key], passphrase: str) -> None:
        for draft in drafts:
            made = private.generate(draft.algorithm, draft.bits)
            self.add(domain, replace(draft, p=private.public_text(made)), made, passphrase)

    def add(self, domain: str, key: Key, made: private.SigningKey, passphrase: str) -> None:
        """Take a key in. A file of the same name that no lifecycle knows was left by a run cut short, and was never used."""
        before, now = self.keys(domain), key.since
        freed = (it.to("deleted", now) if (it.selector, it.state) == (key.selector, "revoked") else it for it in before)
        keys = self._allowed(domain, (*freed, key))
        write_atomically(self.pem(domain, key.selector), private.encrypted(made, passphrase), 0o600)
        self.write(domain, keys)

    def discard(self, domain: str, keys: Keys) -> None:
        """Delete the private halves of keys that are deleted, but for a selector that has come round again."""
        living = {key.selector for key in keys if key.state != "deleted"}
        for selector in {key.selector for key in keys} - living:
            self.pem(domain, selector).unlink(missing_ok=True)

    def private_key(self, domain: str, key: Key, passphrase: str) -> private.SigningKey:
        """The private half, to sign with. KeyringError if the file does not hold that key."""
        path = self.pem(domain, key.selector)
        found = private.load_private_key(path, passphrase)
        if (
            isinstance(found, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey)
            and private.public_text(found) == key.p
            and private.is_sound(found)
        ):
            return found
        msg = f"{path}: not the key {self.lifecycle(domain)} describes; restore both from version control"
        raise KeyringError(msg)

    def pem(self, domain: str, selector: str) -> Path:
        """Where a private key is kept."""
        return self.directory / domain / f"{selector}.pem"

    def lifecycle(self, domain: str) -> Path:
        """Where a domain's keys are described."""
        return self.directory / domain / "lifecycle.json"


def public_keys(keys: Mapping[str, Keys]) -> tuple[PublicKey, ...]:
    """What DNS must show for the keys of these domains; those that are only foreseen have nothing to show yet."""
    return tuple(
        PublicKey(domain, key.selector, key.p, key.algorithm, key.record, key.home)
        if key.state in VALID
        else PublicKey(domain, key.selector, "", key.algorithm, home=key.home)
        for domain, found in keys.items()
        for key in found
        if key.p and key.state != "deleted"
    )
