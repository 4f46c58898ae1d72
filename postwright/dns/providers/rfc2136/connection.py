"""Signed messages to one server over one TCP connection, all under way at once (RFC 7766 §6.2.1.1).

Promise: an answer is handed out only if it is signed with the key and belongs to its message; answers may come in any order.
If one is missing or cannot be trusted, none is handed out. Nothing is ever sent twice.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

import dns.exception
import dns.message
import dns.query
import dns.tsig
from dns.message import Message

from postwright.dns.providers.rfc2136 import explain
from postwright.errors import ProviderError

_AT_ONCE = 500  # messages under way; there are ids for 65,536
_IDS = 65_536
_SEGMENT = 65_536
_FAILURES = (dns.exception.DNSException, OSError, EOFError)


@dataclass(frozen=True)
class Connection:
    """``seconds``: how long the server may be silent. ``error`` makes a ProviderError of a text, with the place in front."""

    stream: socket.socket
    key: dns.tsig.Key = field(repr=False)  # dnspython's own repr shows the secret
    seconds: float
    error: Callable[[str], ProviderError]

    def exchange(self, messages: Sequence[Message]) -> list[Message]:
        """The answer to each message, in the order of the messages; waits once for every 500 of them."""
        batches = [messages[start : start + _AT_ONCE] for start in range(0, len(messages), _AT_ONCE)]
        return [answer for batch in batches for answer in self._at_once(batch)]

    def _at_once(self, messages: Sequence[Message]) -> list[Message]:
        """All that comes is taken in before any is looked at: a server that cannot get rid of answers hangs up (Knot: 0.5 s).

        Where the connection breaks off, what came before may say why.
        """
        asked = dict(zip(random.sample(range(_IDS), len(messages)), messages, strict=True))
        octets = b"".join(_signed(message, number, self.key) for number, message in asked.items())
        arrived, broken = _through(self.stream, octets, len(asked), self.seconds)
        name = self.key.name.to_text(omit_final_dot=True)
        try:
            answers = dict(_matched(arrived, asked))
        except _FAILURES as error:
            raise self.error(explain.failed(error, name)) from None
        if not all(answer.had_tsig for answer in answers.values()):  # newer dnspython raises FormError by itself
            raise self.error(explain.unsigned(name))
        if broken:
            raise self.error(explain.failed(broken, name)) from broken
        return [answers[number] for number in asked]


def _signed(message: Message, number: int, key: dns.tsig.Key) -> bytes:
    """As it goes over TCP, under an id of its own."""
    message.id = number
    message.use_tsig(key)
    return message.to_wire(prepend_length=True)


def _matched(wires: Iterable[bytes], asked: Mapping[int, Message]) -> Iterator[tuple[int, Message]]:
    """Each answer by the id of its message; one that nobody waits for is an error, whatever it says."""
    open_ = dict(asked)
    for wire in wires:
        number = int.from_bytes(wire[:2], "big")
        message = open_.pop(number, None)
        if message is None:
            raise dns.query.BadResponse
        answer = dns.message.from_wire(wire, keyring=message.keyring, request_mac=message.mac)
        if not message.is_response(answer):
            raise dns.query.BadResponse
        yield number, answer


def _through(stream: socket.socket, octets: bytes, number: int, seconds: float) -> tuple[list[bytes], Exception | None]:
    """Send the octets, and take in as many messages while that goes on: neither side can wait for the other to read first.

    Returns what came, and what broke it off, if anything did.
    """
    unsent, got, arrived = memoryview(octets), bytearray(), list[bytes]()
    with DefaultSelector() as ready:
        ready.register(stream, EVENT_READ | EVENT_WRITE)
        try:
            while len(arrived) < number:
                can = _wait(ready, seconds)
                if can & EVENT_WRITE:
                    unsent = unsent[stream.send(unsent) :]
                    ready.modify(stream, EVENT_READ | (EVENT_WRITE if unsent else 0))
                if can & EVENT_READ:
                    got += stream.recv(_SEGMENT) or _end()
                    arrived += _whole(got)
        except _FAILURES as error:
            return arrived, error
    return arrived, None


def _wait(ready: DefaultSelector, seconds: float) -> int:
    for _, can in ready.select(seconds):
        return can
    raise dns.exception.Timeout


def _end() -> bytes:
    raise EOFError("EOF")


def _whole(got: bytearray) -> Iterator[bytes]:
    """Take the messages that are there whole out of what has come; each has its length in front (RFC 1035 §4.2.2)."""
    while len(got) > 1 and len(got) >= (end := 2 + int.from_bytes(got[:2], "big")):
        yield bytes(got[2:end])
        del got[:end]
