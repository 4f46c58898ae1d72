"""Netstrings, in which Postfix and its socketmap servers speak (socketmap_table(5)): ``5:hello,``."""

from __future__ import annotations

from asyncio import IncompleteReadError, LimitOverrunError, StreamReader

LONGEST = 100_000  # octets; what Postfix itself takes (socketmap_max_reply_size)


class BadNetstringError(Exception):
    """The other side speaks something else."""


def encoded(text: str) -> bytes:
    """A text as the other side reads it."""
    octets = text.encode()
    return b"%d:%s," % (len(octets), octets)


async def read(stream: StreamReader) -> str | None:
    """The next text, or None when the other side has ended; BadNetstringError for anything else."""
    try:
        digits = (await stream.readuntil(b":"))[:-1]
        length = int(digits) if digits.isdigit() else LONGEST + 1
        if length > LONGEST:
            raise BadNetstringError(digits[:20])
        octets = await stream.readexactly(length + 1)
    except IncompleteReadError as error:
        if error.partial:
            raise BadNetstringError(error.partial[:20]) from None
        return None
    except LimitOverrunError as error:
        raise BadNetstringError(str(error)) from None
    if octets[-1:] != b",":
        raise BadNetstringError(octets[-1:])
    return octets[:-1].decode(errors="replace")
