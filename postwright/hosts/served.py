"""Asks the process pyinfra lives in from a process other than its parent, over the socket it serves (``serving``).

Standard library only. Each question is a connection of its own, so many threads can ask at a time.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

from postwright import errors

path = ""  # of the socket, where this process is such a one


def ask(request: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> Any:
    """The result of a request, with its events to ``report``; raises its error, DeployError if nobody answers."""
    from postwright.hosts import process  # noqa: PLC0415 - which asks here

    for message in _messages(request):
        if "event" not in message:
            return process.result(message)
        report(message)
    raise errors.DeployError(_GONE)


_GONE = "the process that speaks to hosts has ended; run again with -vv"


def _messages(request: dict[str, Any]) -> Any:
    try:
        with socket.socket(socket.AF_UNIX) as there:
            there.connect(path)
            there.sendall(json.dumps(request, default=str).encode() + b"\n")
            with there.makefile("rb") as lines:
                yield from map(json.loads, lines)
    except (OSError, ValueError):
        raise errors.DeployError(_GONE) from None
