"""Holds the lock of this host until standard input ends: that of the operator's connection."""

from __future__ import annotations

import fcntl
import sys
from typing import Any

from postwright.hosts.remote.common import RUN, text_of


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    RUN.mkdir(mode=0o700, exist_ok=True)
    handle = (RUN / "apply.lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(text_of(RUN / "apply.owner") or "{}", flush=True)  # noqa: T201
        return
    (RUN / "apply.owner").write_text(request["owner"])
    print("held", flush=True)  # noqa: T201
    sys.stdin.read()
