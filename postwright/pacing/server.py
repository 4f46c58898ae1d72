"""The sockets Postfix asks on: bytes in, Pacer.ask, bytes out, in order. A client that is slow, silent or gone costs nothing.

Promise: input that is no request gets the answer of an agent that is away, and the connection is closed when it is no longer
clear where a request begins; that is logged at most once a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from .policy import LONGEST_REQUEST, Request, Requests


class Asked(Protocol):
    failure: bytes

    def ask(self, request: Request | None, reply: Callable[[bytes], None]) -> None: ...


class Client(asyncio.Protocol):
    """One connection. Requests are answered one after the other, so answers cannot change places."""

    def __init__(self, pacer: Asked, complain: Callable[[str], None], clients: set[Client]) -> None:
        self._pacer, self._complain, self._clients = pacer, complain, clients
        self._requests = Requests()
        self._transport: asyncio.Transport | None = None
        self._busy = self._asking = False
        self._waiting = 0  # bytes that came since the request that is being answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type
        self._transport = transport
        self._clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        self._transport = None
        self._clients.discard(self)

    def data_received(self, data: bytes) -> None:
        self._requests.feed(data)
        if not self._busy:
            self._go_on()
            return
        self._waiting += len(data)
        if self._waiting > LONGEST_REQUEST and self._transport:
            self._transport.pause_reading()

    def _go_on(self) -> None:
        """Ask what is complete, one request at a time; an answer that comes at once does not recurse."""
        self._asking = True
        while self._transport and not self._busy:
            request = self._requests.next()
            if request is False:
                break
            if request is None:
                self._complain("a policy request is malformed or too large")
            self._busy = True
            self._pacer.ask(request, self._answered)
            if self._requests.lost:
                self._lost()
        self._asking = False

    def _answered(self, text: bytes) -> None:
        self._busy = False
        if self._transport is None:
            return
        self._transport.write(text)
        if self._waiting > LONGEST_REQUEST:
            self._transport.resume_reading()
        self._waiting = 0
        if not self._asking:
            self._go_on()

    def _lost(self) -> None:
        if self._transport:
            self._transport.close()
            self._transport = None

    def close(self) -> None:
        """End the connection once what was answered is written."""
        self._lost()


class Complaints:
    """Logs at most one line a second, and how many were not logged."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log, self._at, self._more = log, float("-inf"), 0

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        if now - self._at < 1:
            self._more += 1
            return
        more = f" ({self._more} more since the last line)" if self._more else ""
        self._at, self._more = now, 0
        self._log(f"problem: {text}{more}")
