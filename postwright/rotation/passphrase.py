"""Changes the passphrase of a project: of its keyring, its user store, and the TLS keys that are encrypted with it.

TLS keys are encrypted anew rather than refused: an apply opens them with the very same passphrase, so to leave them would stop
every apply after it.
"""

from __future__ import annotations

from pathlib import Path

from postwright import material, secret
from postwright.errors import UsageError
from postwright.files import content, write_atomically
from postwright.inventory import Project
from postwright.keys import foreign, rekey
from postwright.keys.private import require_strength
from postwright.model import SecretSource
from postwright.users import store

_PURPOSE = "the new passphrase"


def new_passphrase(project: Project, file: Path | None, variable: str | None) -> str:
    """The new one, if it is strong enough and not where the old one is read from."""
    if bool(file) == bool(variable):
        raise UsageError("where is the new passphrase? give either --new-file or --new-env")
    current = project.fleet.keys.passphrase
    if variable and variable == current.env:
        raise UsageError(f"--new-env {variable}: the old passphrase is read from there; put the new one into another")
    if file and current.file and file.resolve() == project.path(current.file).resolve():
        raise UsageError(f"--new-file {file}: the old passphrase is read from there; put the new one into another file")
    source = SecretSource(file=file) if file else SecretSource(env=variable)
    return require_strength(secret.read(source, Path.cwd(), _PURPOSE), str(source))


def change(project: Project, new: str) -> list[Path]:
    """Encrypt everything anew, then replace the file the old passphrase is in; returns the keys written."""
    keys = rekey.pems(material.keyring_of(project).directory)
    old = material.passphrase_of(project)
    users = store.resealed(material.store_of(project), old, new) if project.fleet.users else None
    written = rekey.rekey([*keys, *_tls_keys(project)], old, new)
    if users:
        store.write(users)
        written.append(users.path)
    source = project.fleet.keys.passphrase
    if source.file:
        write_atomically(project.path(source.file).resolve(), f"{new}\n".encode(), 0o600)
    return written


def _tls_keys(project: Project) -> list[Path]:
    """Those that are encrypted; each once, for hosts may share one."""
    files = (host.tls_files for host in project.fleet.hosts)
    paths = dict.fromkeys(project.path(it.key) for it in files if it)
    return [path for path in paths if foreign.is_encrypted(content(path))]


def left_to_do(project: Project) -> str:
    """What the operator has to do himself."""
    source = project.fleet.keys.passphrase
    if source.file:
        return f"{project.path(source.file)} holds the new passphrase; delete the copy you gave"
    if source.env:
        return f"now set {source.env} to the new passphrase, wherever postwright runs"
    service, _, user = str(source.keyring).partition("/")
    return f"now put the new passphrase into the system keyring: keyring set {service} {user}"
