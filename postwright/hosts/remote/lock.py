"""Holds the lock of this host until standard input ends: that of the operator's connection."""

from __future__ import annotations

import base64  # noqa: F401

from common import *  # noqa: F403


def main():
    RUN.mkdir(mode=0o700, exist_ok=True)
    handle = (RUN / "apply.lock").open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(text_of(RUN / "apply.owner") or "{}", flush=True)  # noqa: T201
        return
    (RUN / "apply.owner").write_text(REQUEST["owner"])
    print("held", flush=True)  # noqa: T201
    sys.stdin.read()
