"""What the agent is asked about, and whom it asks: a message, what it may be known by, the class of its recipient. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Coroutine
from typing import Any, NamedTuple, Protocol

from .config import Stream


class Class(Protocol):
    """What mx.Recipient is."""

    @property
    def provider(self) -> str: ...
    @property
    def versions(self) -> frozenset[int]: ...


class Exchangers(Protocol):
    async def class_of(self, domain: str) -> Class: ...


class Mail(NamedTuple):
    """What is asked about; ``at_gate``: it comes in by a gate, so it may have been here before; ``of``: whose gate it is."""

    queue_id: str
    sender: bytes
    recipient: bytes
    user: str
    at_gate: bool
    of: Stream | None = None

    @property
    def key(self) -> bytes:
        return hashlib.sha256(self.sender + b"\0" + self.recipient).digest()[:16]


class Expected(NamedTuple):
    """A message that we had Postfix take in anew: its former place, what it may do, whether its token is taken, and where.

    ``stream``: its name, "" if it is of none.
    """

    place: int
    forced: str
    paid: int
    lane: str
    stream: str


def at_once(question: Coroutine[Any, Any, Class]) -> Class | None:
    """The answer of a coroutine that need not wait, without the cost of a task; None if it has to, or fails."""
    try:
        question.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    except Exception:  # noqa: BLE001 - asked again where there is somebody to log it
        return None
    question.close()
    return None
