"""Counts and times for both tools; imports neither, and runs in either environment.

Promise: what is counted is what leaves the client: DNS messages by kind. HTTP calls are counted by the server.
"""

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import dns.opcode
import dns.query

MESSAGES: Counter[str] = Counter()


def count_messages() -> None:
    """From now on, count each DNS message and each zone transfer asked for."""
    dns.query.tcp = _counting(dns.query.tcp, lambda message: dns.opcode.to_text(message.opcode()).lower())
    dns.query.xfr = _counting(dns.query.xfr, lambda _: "axfr")


def _counting(send: Callable[..., Any], kind: Callable[[Any], str]) -> Callable[..., Any]:
    def counted(first: Any, *args: Any, **options: Any) -> Any:
        MESSAGES[kind(first)] += 1
        return send(first, *args, **options)

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
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "versions": {name: version(name) for name in packages},
    }
    sys.stdout.write(json.dumps(found) + "\n")
