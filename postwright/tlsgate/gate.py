"""Answers one question of Postfix: how a receiver must prove itself.

Promise: a receiver whose policy cannot be learnt gets no mail now (TEMP), in particular while the MTA-STS resolver is
down; and none whose DANE or MTA-STS demands more ever gets less.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from .dane import Dane, NoAnswerError
from .netstrings import BadNetstringError, encoded, read

NONE = "NOTFOUND "
DANE_ONLY = "OK dane-only"
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]*[a-z-][a-z0-9-]*")
_SECONDS = 25.0  # the resolver itself gives up after 4 s for DNS and 4 s for HTTPS


@dataclass(frozen=True)
class Gate:
    """``resolver``: the socket of the MTA-STS resolver. ``everywhere``: demand DANE also where there is no policy.

    ``seconds``: for a whole answer.
    """

    resolver: str
    dane: Dane
    everywhere: bool = False
    seconds: float = _SECONDS

    async def answer(self, question: str) -> str:
        """The reply to ``NAME KEY`` (socketmap_table(5)); never an exception.

        Keys that are no mail domain have no policy: next hops in brackets or with a port, parents such as ``.example.com``.
        """
        domain = ascii_name(question.partition(" ")[2])
        if domain is None:
            return NONE
        try:
            async with asyncio.timeout(self.seconds):
                return await self._policy(domain)
        except NoAnswerError as error:
            return f"TEMP DNS does not say whether {domain} has DANE: {error}"
        except (OSError, BadNetstringError, TimeoutError) as error:
            return f"TEMP the MTA-STS resolver does not answer: {error or type(error).__name__}"

    async def _policy(self, domain: str) -> str:
        policy = await self._sts(domain)
        asks = policy.startswith("OK ")
        if (asks or self.everywhere) and await self.dane.covers(domain):
            return DANE_ONLY
        return policy if asks else NONE

    async def _sts(self, domain: str) -> str:
        """What the MTA-STS resolver replies: ``OK secure …`` or ``NOTFOUND``; an exception for all else."""
        stream, writer = await asyncio.open_unix_connection(self.resolver)
        try:
            writer.write(encoded(f"postfix {domain}"))
            reply = await read(stream)
        finally:
            writer.close()
        if reply is None or not reply.startswith(("OK secure ", "NOTFOUND")):
            raise BadNetstringError(f"it says {reply!r}")
        return reply


def ascii_name(key: str) -> str | None:
    """A mail domain as DNS has it, or None."""
    try:
        name = key.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        return None
    return name if _DOMAIN.fullmatch(name) else None
