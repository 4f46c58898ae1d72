"""One apply at a time on a host: a lock held by a process there for as long as our connection lives.

The kernel of the host frees it when that process ends, and that process ends when the connection does: a killed apply
leaves no lock behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyinfra.api import StringCommand
from pyinfra.connectors.util import make_unix_command_for_host

from postwright.errors import LockedError
from postwright.hosts.adapter import Session, on_each
from postwright.hosts.remote import command
from postwright.locks import describe, owner


@contextmanager
def host_locks(session: Session) -> Iterator[None]:
    """Hold the lock of every host for the block; LockedError names who has it."""
    channels = on_each(session, lambda host: _acquire(session.state, host))
    held_by = {name: answer for name, (_, answer) in channels.items() if answer != "held"}
    try:
        if held_by:
            lines = (f"host {name}: another apply is at work on it: {describe(text)}" for name, text in held_by.items())
            raise LockedError("\n".join(lines) + "\nno host was changed; wait for it to end, then run again")
        yield
    finally:
        for stdin, _ in channels.values():
            stdin.close()


def _acquire(state: Any, host: Any) -> tuple[Any, str]:
    wrapped = make_unix_command_for_host(
        state, host, StringCommand(command("lock", {"owner": owner()})), _sudo=bool(host.data.get("_sudo"))
    )
    stdin, stdout, _ = host.connector.client.exec_command(wrapped.get_raw_value())
    return stdin, stdout.readline().strip()
