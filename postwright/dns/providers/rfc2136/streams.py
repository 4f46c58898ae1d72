"""TCP connections to one server, kept from one zone to the next while many are read (RFC 7766 §6.2.1).

Promise: a connection is handed to one user at a time, and comes back only if all that was asked over it was answered. What is
kept is closed at the end. Nothing is kept unless somebody says so.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Streams:
    """``address``: host and port; ``seconds``: how long a connection may take to come about. Threads may share it."""

    address: tuple[str, int]
    seconds: float
    _idle: list[socket.socket] = field(default_factory=list, repr=False)  # append and pop are atomic
    _users: int = 0

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Inside, connections that were used outlive their use."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            while not self._users and self._idle:
                self._idle.pop().close()

    def idle(self) -> socket.socket | None:
        """One that was used before, if there is any; the server may have closed it since."""
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def fresh(self) -> socket.socket:
        """A new one. Raises OSError."""
        stream = socket.create_connection(self.address, self.seconds)
        stream.setblocking(False)  # the connection waits by itself
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream

    @contextmanager
    def using(self, stream: socket.socket) -> Iterator[socket.socket]:
        """Closed afterwards, or kept if nothing went wrong and others may want it."""
        try:
            yield stream
        except BaseException:
            stream.close()
            raise
        if self._users:
            self._idle.append(stream)
        else:
            stream.close()
