"""Something on the way that breaks off: a TCP proxy on loopback that cuts one exchange, and lets all others pass.

Promise: it knows no protocol but taking turns: what a client sends after an answer (or first) is a request, what comes back is
its answer. That holds for DNS over TCP as for HTTP/1.1. Exchanges are counted over all connections.
"""

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector
from typing import Self

# Where an exchange is cut. "within" a message: half of its first segment arrives. "after request": the server has answered.
POINTS = ("before request", "within request", "after request", "within answer")
LATE = "late request"  # cut at once, and what was on its way arrives when the test says so
_SEGMENT = 65_536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing resets the connection


@dataclass
class Proxy:
    """Forwards a free port of 127.0.0.1 to ``target``; exchange number ``at`` (from 1) is cut at ``point``; 0: none."""

    target: tuple[str, int]
    point: str = ""
    at: int = 0
    exchanges: int = 0
    cut: bool = False
    held: bytes = b""
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)), repr=False)
    _ends: list[socket.socket] = field(default_factory=list, repr=False)
    _threads: list[threading.Thread] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._ends:  # a client that keeps its connection would keep its thread here as well
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def deliver(self) -> None:
        """Let what was held back arrive, and wait for what it brings about."""
        with socket.create_connection(self.target) as server:
            server.sendall(self.held)
            server.recv(_SEGMENT)

    def _start(self, work, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._ends.append(client)
            self._start(self._forward, client)

    def _forward(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.target) as server, DefaultSelector() as selector:
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(end, EVENT_READ)
            try:
                self._take_turns(client, server, selector)
            except OSError:
                return  # an end is gone, and so is the other when this returns

    def _take_turns(self, client: socket.socket, server: socket.socket, selector: DefaultSelector) -> None:
        """Until an end closes, or the exchange to be cut has come to its point."""
        asking = here = False
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(_SEGMENT)
                asks = key.fileobj is client
                if data and asks and not asking:
                    here = self._begin()
                asking = asks
                broken = bool(data) and here and self._breaks(asks)
                if data and not broken:
                    (server if asks else client).sendall(data)
                    continue
                if broken and self.point.startswith("within"):
                    (server if asks else client).sendall(data[: len(data) // 2])
                elif broken:
                    self.held = data
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return

    def _breaks(self, asks: bool) -> bool:
        """Whether it is cut at what one end has sent now."""
        return asks == (self.point in ("before request", "within request", LATE))

    def _begin(self) -> bool:
        """Count an exchange; whether it is the one to be cut."""
        with self._lock:
            self.exchanges += 1
            self.cut = self.cut or self.exchanges == self.at
            return self.exchanges == self.at
