"""One command at a time on one thing: a lab, the cached trees, what all labs of the machine share.

Promise: a lock ends with the process that holds it, however it ends. That of a lab is also held by the programs this
process started for it: after a kill, the next command waits for the last of them.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from postwright.lab.layout import RUN

_handed_down: list[int] = []


@contextmanager
def locked(thing: str) -> Iterator[int]:
    """Wait for it and hold it."""
    folder = RUN / ".locks"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / thing).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


@contextmanager
def lab_locked(name: str) -> Iterator[None]:
    """Hold the lab, together with the programs started meanwhile."""
    with locked(name) as descriptor:
        _handed_down.append(descriptor)
        try:
            yield
        finally:
            _handed_down.remove(descriptor)


def handed_down() -> tuple[int, ...]:
    """The open files a program is to inherit."""
    return tuple(_handed_down)
