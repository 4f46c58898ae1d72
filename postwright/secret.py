"""Reads a secret from where the inventory says it is. The value never appears in an error."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from postwright.errors import UsageError
from postwright.files import located
from postwright.model import SecretSource


def read(source: SecretSource, base: Path, purpose: str) -> str:
    """The secret's text without its final newline. Relative files are taken from ``base``, the inventory's folder.

    Raises UsageError, naming purpose and place, when it is missing, empty or readable by others.
    """
    if source.file:
        value = _from_file(located(base, source.file), purpose)
    elif source.env:
        value = _from_environment(source.env, purpose)
    else:
        value = _from_keyring(str(source.keyring), purpose)
    if not value:
        msg = f"{purpose}: {source} is empty; put the secret there"
        raise UsageError(msg)
    return value


def _from_file(path: Path, purpose: str) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            msg = f"{purpose}: {path} has mode {mode:04o}, others can read it; run: chmod 600 {path}"
            raise UsageError(msg)
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{purpose}: cannot read {path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}; put the secret there"
        raise UsageError(msg) from None


def _from_environment(name: str, purpose: str) -> str:
    value = os.environ.get(name)
    if value is None:
        msg = f"{purpose}: the variable {name} is not set; export it before the command"
        raise UsageError(msg)
    return value


def _from_keyring(entry: str, purpose: str) -> str:
    try:
        import keyring  # noqa: PLC0415 - an optional extra
    except ImportError:
        msg = f"{purpose}: the system keyring needs an extra; run: pip install 'postwright[keyring]'"
        raise UsageError(msg) from None
    service, _, user = entry.partition("/")
    try:
        value = keyring.get_password(service, user)
    except keyring.errors.KeyringError as error:
        msg = f"{purpose}: the system keyring cannot be used: {error}"
        raise UsageError(msg) from None
    if value is None:
        msg = f"{purpose}: no entry {entry} in the system keyring; run: keyring set {service} {user}"
        raise UsageError(msg)
    return value
