"""Counts and times for both tools; imports neither, and runs in either environment.

Promise: what is counted is what leaves the client: DNS messages by kind, how often it waits for answers to them, and TCP
connections. HTTP calls are counted by the server.
"""

import json
import resource
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from threading import Lock
from typing import Any

import dns.opcode
import dns.query

MESSAGES: Counter[str] = Counter()
WAITS: Counter[str] = Counter()
_LOCK = Lock()


def count(messages: Iterable[Any]) -> None:
    """Count DNS messages that are waited for together."""
    with _LOCK:
        MESSAGES.update("axfr" if isinstance(it, str) else dns.opcode.to_text(it.opcode()).lower() for it in messages)
        WAITS["answers"] += 1


def count_messages() -> None:
    """From now on, count what dnspython sends by itself: each message and each zone transfer. And each connection."""
    dns.query.tcp = _counting(dns.query.tcp, lambda message: count([message]))
    dns.query.xfr = _counting(dns.query.xfr, lambda _: count(["axfr"]))
    socket.socket.connect = _counting(socket.socket.connect, _count_connection)  # type: ignore[method-assign]
    socket.socket.connect_ex = _counting(socket.socket.connect_ex, _count_connection)  # type: ignore[method-assign]


def _count_connection(_: Any) -> None:
    with _LOCK:
        WAITS["connections"] += 1


def _counting(function: Callable[..., Any], note: Callable[[Any], None]) -> Callable[..., Any]:
    def counted(first: Any, *args: Any, **options: Any) -> Any:
        note(first)
        return function(first, *args, **options)

    return counted


@contextmanager
def timed(phases: dict[str, float], name: str) -> Iterator[None]:
    """Add the seconds of the block to a phase."""
    start = time.perf_counter()
    yield
    phases[name] = phases.get(name, 0.0) + time.perf_counter() - start


def report(phases: dict[str, float], packages: tuple[str, ...]) -> None:
    """One JSON line on stdout for the runner."""
    found = {
        "seconds": phases,
        "messages": dict(MESSAGES),
        "waits": WAITS.total(),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "versions": {name: version(name) for name in packages},
    }
    sys.stdout.write(json.dumps(found) + "\n")
