"""Reads and writes files of the project: none is ever half-written, and no secret ever readable by others."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from postwright.errors import UsageError

# What can be the name of one file, without its suffix, and leads nowhere else.
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def located(base: Path, path: Path) -> Path:
    """A path of the inventory as it is opened: ``~`` is the operator's home, what is relative starts from ``base``."""
    return base / os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises where there is no such home


def content(path: Path) -> bytes:
    """What a file holds; UsageError names the path if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; put it there, or mend its permissions") from None


def write_atomically(path: Path, text: bytes, mode: int = 0o644) -> None:
    """Replace ``path`` by rename; ``mode`` holds from the first byte. UsageError names the path if it cannot be done."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        msg = f"cannot write {path}: {error.strerror}; what was there is still there, mend that and run again"
        raise UsageError(msg) from None


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
