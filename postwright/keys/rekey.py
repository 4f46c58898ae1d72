"""Another passphrase for everything that is encrypted with the old one.

Promise: nothing is written unless each file is opened by the old passphrase or, since an earlier run was cut short, by the
new one already; each file is replaced by rename. Run again with the same new passphrase, it does the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from postwright.errors import KeyringError
from postwright.files import write_atomically
from postwright.keys import private


def pems(directory: Path) -> list[Path]:
    """Every private key of a keyring, those no lifecycle file knows too: the old passphrase is to open nothing any more."""
    return sorted(directory.glob("*/*.pem"))


def rekey(paths: Collection[Path], old: str, new: str) -> list[Path]:
    """Encrypt the private keys anew; returns those that were. KeyringError names every file neither passphrase opens."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda path: _opened(path, old, new), paths))
    problems = [it for it in found if isinstance(it, str)]
    if problems:
        raise KeyringError("\n".join([*problems, "nothing was written"]))
    return list(_written(paths, found, new))


def _opened(path: Path, old: str, new: str) -> PrivateKeyTypes | str | None:
    """The key, if it is to be written; None if the new passphrase opens it; else what is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return f"cannot read {path}: {error.strerror}; restore it from version control or a backup"
    for passphrase in (new, old):
        try:
            found = private.loaded(content, passphrase, path)
        except KeyringError:
            continue
        return None if passphrase == new and b"ENCRYPTED" in content else found
    return (
        f"{path}: neither the passphrase of the inventory nor the new one opens it, or it is damaged; restore it first"
    )


def _written(paths: Collection[Path], found: Collection[PrivateKeyTypes | str | None], new: str) -> Iterator[Path]:
    for path, key in zip(paths, found, strict=True):
        if key is not None and not isinstance(key, str):
            write_atomically(path.resolve(), private.encrypted(key, new), 0o600)  # what a link leads to, not the link
            yield path
