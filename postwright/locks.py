"""One apply at a time on a project. The kernel frees the lock when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TextIO

from postwright.errors import LockedError, UsageError
from postwright.files import write_atomically


def owner() -> str:
    """Who we are, as another operator would want to read it: JSON with user, machine, pid and time."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return json.dumps({"user": user, "machine": socket.gethostname(), "pid": os.getpid(), "since": int(time.time())})


def describe(text: str) -> str:
    """``root on build1, pid 4711, for 3 min`` from what ``owner`` wrote."""
    try:
        who = json.loads(text)
        age = timedelta(seconds=max(0, int(time.time()) - who["since"]))
        return f"{who['user']} on {who['machine']}, pid {who['pid']}, for {age} (h:m:s)"
    except (ValueError, KeyError, TypeError, OverflowError):
        return "somebody who left no name"


@contextmanager
def project_lock(directory: Path) -> Iterator[None]:
    """Hold ``directory/.postwright/apply.lock`` for the block; LockedError names the holder and how long it has had it."""
    with _opened(directory / ".postwright" / "apply.lock") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            msg = f"{handle.name}: another apply is at work: {describe(handle.read())}; wait for it to end, then run again"
            raise LockedError(msg) from None
        handle.truncate(0)
        handle.write(owner())
        handle.flush()
        yield


def _opened(path: Path) -> TextIO:
    """The lock file, in a folder that Git does not look into."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        ignore = path.with_name(".gitignore")
        if not ignore.exists():
            write_atomically(ignore, b"*\n")
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        msg = f"cannot open {path}: {error.strerror}; one apply at a time is ensured there, so it must be writable"
        raise UsageError(msg) from None
