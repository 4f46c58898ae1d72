"""What a rule about a receiver's reply is made of. Pure; the rules themselves are data in rules_*.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["rate", "block", "auth", "content", "mailbox", "greylist", "connection", "temporary", "policy", "other"]

MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Effect:
    """What a lane does once ``hits`` such replies came ``within`` seconds; it lasts ``duration`` seconds.

    slow: at most ``per_minute`` messages a minute and ``in_flight`` at once (None: as before). suspend: nothing leaves.
    recover: nothing leaves, then by one connection, one more at a time. stop: nothing leaves until a person says so.
    ``scope``: only the lane that got the reply, or each lane of this host to the same provider.
    """

    do: Literal["slow", "suspend", "recover", "stop"]
    hits: int = 1
    within: int = HOUR
    duration: int = 0
    per_minute: int | None = None
    in_flight: int | None = None
    scope: Literal["lane", "provider"] = "lane"


@dataclass(frozen=True)
class Rule:
    """One kind of reply.

    ``provider``: whose, None for anybody's. ``pattern``: a regular expression, case ignored, found in ``CODE DSN text``
    as ``replies.subject`` writes it. ``sample``: a reply as Postfix logs it, lines joined by blanks, with addresses of
    documentation. ``source``: where the sample and the numbers of the effect come from.

    Kinds: rate (too much mail), block (address or domain listed, or shut out for its reputation), auth (SPF, DKIM,
    DMARC, PTR, TLS), content, mailbox (one recipient only), greylist, connection (none came about, or the session's
    end), temporary, policy, other.
    """

    id: str
    provider: str | None
    pattern: str
    sample: str
    kind: Kind
    effect: Effect | None
    source: str
