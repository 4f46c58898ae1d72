"""Postfix's policy delegation protocol (SMTPD_POLICY_README): requests out of a stream of bytes, and answers.

Pure. However the bytes are cut into pieces, the same requests come out. Anything that is no request has a defined outcome,
and nothing raises: a request that cannot be used is None, and when it is no longer clear where the next one begins, the
reader ends.
"""

from __future__ import annotations

import re
from typing import Literal

LONGEST_REQUEST = 65_536  # bytes, with the empty line
LONGEST_LINE = 8_192  # bytes, without its end
# The attributes of who sends: the login, and what Postfix knows a client's certificate by, which is either of the two.
WHO = (b"sasl_username", b"ccert_fingerprint", b"ccert_pubkey_fingerprint")

_SHAPE = re.compile(rb"(?:[^\n=\0]+=[^\n\0]*+\n)+")
_PAIRS = re.compile(rb"([^\n=]+)=([^\n]*)\n")

Request = dict[bytes, bytes]


class Requests:
    """One client's bytes. ``lost``: framing is lost, nothing more is read."""

    def __init__(self) -> None:
        self._buffer = b""
        self._searched = 0  # no empty line before here
        self._checked = 0  # no line that is too long before here
        self.lost = False

    def feed(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data

    def next(self) -> Request | Literal[False] | None:
        """A request; None for one that is malformed; False if there is none (yet), or none can be told any more."""
        buffer = self._buffer
        if self.lost or not buffer:
            return False
        found = -1 if buffer.startswith(b"\n") else buffer.find(b"\n\n", self._searched)
        complete = found >= 0 or buffer.startswith(b"\n")
        end = found + 1
        if not self._fits(end + 1 if complete else len(buffer)):
            self.lost, self._buffer = True, b""
            return None
        if not complete:
            return False
        self._buffer, self._searched, self._checked = buffer[end + 1 :], 0, 0
        return parsed(buffer[:end])

    def _fits(self, size: int) -> bool:
        """Whether the first ``size`` bytes, which have no empty line inside, are within the limits."""
        if size > LONGEST_REQUEST:
            return False
        if size - self._checked > LONGEST_LINE and _too_long(self._buffer[self._checked : size]):
            return False
        self._searched = max(0, size - 1)
        self._checked = self._buffer.rfind(b"\n", 0, size) + 1
        return True


def _too_long(text: bytes) -> bool:
    return max(map(len, text.split(b"\n"))) > LONGEST_LINE


def parsed(text: bytes) -> Request | None:
    """The attributes of ``name=value`` lines, the first of each name; None if a line is none, or has a NUL."""
    if not _SHAPE.fullmatch(text):
        return None
    pairs = _PAIRS.findall(text)
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


def answer(action: bytes) -> bytes:
    return b"action=" + action + b"\n\n"


def domain_of(recipient: str) -> str:
    """The part after the last @; "" if the address has none, as in ``"a@b"``: Postfix makes that one of its own."""
    at = recipient.rfind("@")
    return "" if at < 0 or recipient.endswith('"') else recipient[at + 1 :].lower().rstrip(".")
