"""The keyring as one file: backed up, looked at, restored.

Promise: keys stay encrypted; equal keyrings make equal bytes; nothing is packed or restored unless the passphrase opens every
key and each is the key its lifecycle file describes; a name in an archive never leads out of the keyring. Restoring is
completed by doing it again: keys come before the files that describe them.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from postwright import values
from postwright.errors import KeyringError
from postwright.files import NAME, write_atomically
from postwright.keys import management, tls
from postwright.keys.key import STATES, Key, Keys
from postwright.keys.keyring import Keyring

MANIFEST = "manifest.json"
_FORMAT = 1
_LARGEST = 4 * 1024 * 1024  # octets of one file; a lifecycle file of ten years has some thousands
_FILE = re.compile(rf"lifecycle\.json|{NAME.pattern}\.pem")
_PAIR = re.compile(rf"{NAME.pattern}\.(pem|pub)")
_PAIRS = (tls.FOLDER, management.FOLDER)  # of hosts, each key with its public half beside it

Files = Mapping[str, bytes]  # domain/file → content


def files(keyring: Keyring, passphrase: str) -> dict[str, bytes]:
    """What belongs to the keyring, each private key opened and compared once. KeyringError lists all that is wrong."""
    kept = [(domain, key) for domain in keyring.domains() for key in keyring.keys(domain) if _has_private_half(key)]
    _require_sound(keyring, kept, passphrase)
    paths = [keyring.lifecycle(domain) for domain in keyring.domains()]
    paths += [keyring.pem(domain, key.selector) for domain, key in kept]
    paths += tls.files(keyring.directory, passphrase) + management.files(keyring.directory, passphrase)
    return {str(path.relative_to(keyring.directory)): path.read_bytes() for path in sorted(paths)}


def _has_private_half(key: Key) -> bool:
    return key.here and bool(key.p) and key.state != "deleted"


def _require_sound(keyring: Keyring, keys: list[tuple[str, Key]], passphrase: str) -> None:
    def problem(pair: tuple[str, Key]) -> str:
        try:
            keyring.private_key(*pair, passphrase)
        except KeyringError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor() as pool:
        problems = [text for text in pool.map(problem, keys) if text]
    if problems:
        raise KeyringError("\n".join(problems))


def pack(content: Files) -> bytes:
    """A tar.gz of the files and a manifest of their SHA-256 digests; equal content makes equal bytes."""
    digests = {name: sha256(content[name]).hexdigest() for name in sorted(content)}
    manifest = (json.dumps({"format": _FORMAT, "files": digests}, indent=2) + "\n").encode()
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, text in ((MANIFEST, manifest), *sorted(content.items())):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text), 0o600
            archive.addfile(entry, io.BytesIO(text))
    return gzip.compress(raw.getvalue(), mtime=0)


def unpack(path: Path) -> dict[str, bytes]:
    """The files of an archive, each as its manifest says. KeyringError if it is damaged or was not made by ``pack``."""
    try:
        found = _members(path.read_bytes())
        manifest = json.loads(found.pop(MANIFEST))
        digests = manifest["files"]
        whole = manifest["format"] == _FORMAT and {it: sha256(found[it]).hexdigest() for it in found} == digests
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise KeyringError(f"{path}: not a whole archive of `keys backup` ({error}); use another copy") from None
    except OSError as error:
        raise KeyringError(f"cannot read {path}: {error.strerror}; name another") from None
    if not whole:
        raise KeyringError(f"{path}: its files are not those its manifest lists; use another copy")
    return found


def _members(packed: bytes) -> dict[str, bytes]:
    """Every member's content; ValueError for one that ``pack`` would not have made."""
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as archive:
        for entry in archive:
            stream = archive.extractfile(entry) if entry.isreg() and entry.size <= _LARGEST else None
            if stream is None or entry.name in found or not _is_ours(entry.name):
                raise ValueError(f"{entry.name!r:.80} does not belong there")
            found[entry.name] = stream.read()
    return found


def _is_ours(name: str) -> bool:
    domain, _, file = name.partition("/")
    if domain in _PAIRS:
        return bool(_PAIR.fullmatch(file))
    try:
        return name == MANIFEST or (values.host_name(domain) == domain and bool(_FILE.fullmatch(file)))
    except ValueError:
        return False


@contextmanager
def opened(content: Files, passphrase: str, source: Path) -> Iterator[Keyring]:
    """The archive as a keyring in a folder of its own, for the time of the block; KeyringError if a key is not sound."""
    with tempfile.TemporaryDirectory() as folder:
        keyring = Keyring(Path(folder))
        for name, text in content.items():
            write_atomically(keyring.directory / name, text, 0o600)
        try:
            belonging = files(keyring, passphrase)
        except KeyringError as error:
            hint = "it opens with the passphrase of the day it was made"
            problems = str(error).replace(f"{folder}/", f"{source}: ")
            raise KeyringError(f"{problems}\nnothing was restored; {hint}") from None
        if odd := content.keys() - belonging.keys():
            raise KeyringError(f"{source}: no lifecycle file knows {', '.join(sorted(odd))}; use another copy")
        yield keyring


@dataclass(frozen=True)
class Lost:
    """What a restore would forget of one key."""

    domain: str
    selector: str
    what: str

    def __str__(self) -> str:
        return f"{self.domain}: {self.selector} {self.what}"


def lost(disk: Keyring, archived: Keyring) -> tuple[Lost, ...]:
    """What the keyring on disk knows and the archive does not, of the domains the archive has."""
    dkim = (it for domain in archived.domains() for it in _lost(domain, disk, archived.keys(domain)))
    return (*dkim, *_lost_pairs(disk, archived))


def _lost_pairs(disk: Keyring, archived: Keyring) -> Iterator[Lost]:
    """Told by public halves alone: to bring back a private one that is lost is what a restore is for."""
    for path in [path for folder in _PAIRS for path in sorted((archived.directory / folder).glob("*.pub"))]:
        here = disk.directory / path.relative_to(archived.directory)
        if here.exists() and here.read_bytes().split() != path.read_bytes().split():
            yield Lost(path.parent.name, path.stem, "is another key than that of the archive")


def _lost(domain: str, disk: Keyring, then: Keys) -> Iterator[Lost]:
    try:
        now = disk.keys(domain)
    except KeyringError as error:
        yield Lost(domain, "lifecycle.json", f"cannot be read, and may know more than the archive ({error})")
        return
    for key in now:
        same = [it for it in then if (it.selector, it.p) == (key.selector, key.p)]
        if not same:
            yield Lost(domain, key.selector, f"({key.state}) is not in the archive")
        elif not any(_at_least(it, key) for it in same):
            yield Lost(domain, key.selector, f"is {key.state}, and {same[-1].state} in the archive")


def _at_least(archived: Key, key: Key) -> bool:
    """Whether the archive knows as much of the key's life: a key goes back in state, never in time."""
    newest = max(key.history.values()), STATES.index(key.state), key.compromised
    return newest <= (max(archived.history.values()), STATES.index(archived.state), archived.compromised)


def restore(content: Files, directory: Path) -> list[str]:
    """Write what differs from what is there, private keys first; returns the files written."""
    ordered = sorted(content, key=lambda name: (not name.endswith(".pem"), name))
    written = [name for name in ordered if not _is_there(directory / name, content[name])]
    for name in written:
        write_atomically(directory / name, content[name], 0o600 if name.endswith(".pem") else 0o644)
    return written


def _is_there(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def write_new(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, all of it or nothing; KeyringError if there is one already."""
    temporary = path.with_name(f".{path.name}.part")
    write_atomically(temporary, content, 0o600)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise KeyringError(
            f"{path}: is there already, and may be the only copy of its keys; name another file"
        ) from None
    except OSError as error:
        raise KeyringError(f"cannot write {path}: {error.strerror}; name another place") from None
    finally:
        temporary.unlink(missing_ok=True)
