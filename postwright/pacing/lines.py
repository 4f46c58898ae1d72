"""Reads what Postfix's smtp(8) logs about one delivery of one message to one recipient.

Promise: pure, never raises; what is no whole delivery line is None. Addresses stand in their quoted form in the log
(``info_log_addr_form = external``, Postfix's default), so neither an address nor a receiver's reply can pass for the fields
around it. A reply cut off by the log's limit (2,000 bytes) is taken as far as it goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["sent", "deferred", "bounced", "expired"]

_LANE = re.compile(r"postfix/([^/]+)/smtp")
SUSPENDED = "postfix/error"  # what Postfix puts off untried, its destination being down; no word of the lane
# Possessive throughout: a line that does not fit is given up at once, not tried in other ways.
_ADDRESS = r'<(?:[^">]|"(?:[^"\\]|\\.)*+")*+>'
_LINE = re.compile(
    # A queue id, short or long (postconf(5), enable_long_queue_ids).
    r"(?P<id>[0-9A-Za-z]{4,40}+): "
    rf"to=(?P<to>{_ADDRESS}), (?:orig_to={_ADDRESS}, )?+relay=[^,]*+, (?:conn_use=\d++, )?+"
    r"delay=[\d.e+]++, delays=[\d./e+]++, dsn=(?P<dsn>\d\.\d{1,3}\.\d{1,3}), "
    r"status=(?P<status>sent|deferred|bounced|expired|SOFTBOUNCE) \((?P<text>.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """``lane``: "" if Postfix tried nothing. ``dsn`` is an enhanced status code (RFC 3463), ``text`` the receiver's reply or why there was none, ``at`` epoch seconds."""

    lane: str
    queue_id: str
    status: Status
    dsn: str
    text: str
    at: float
    domain: str = field(default="", compare=False)  # of the recipient


def lane_of(identifier: str) -> str | None:
    """The lane whose deliveries are logged under this identifier: ``postfix/<lane>/smtp``."""
    found = _LANE.fullmatch(identifier)
    return found and found[1]


def identifier_of(lane: str) -> str:
    """The identifier a lane logs its deliveries under."""
    return f"postfix/{lane}/smtp"


def parse(identifier: str, message: str, at: float) -> Delivery | None:
    """The delivery a line tells of, or None if it tells of none. With soft_bounce a bounce is a deferral, as Postfix has it."""
    lane, found = "" if identifier == SUSPENDED else lane_of(identifier), _LINE.match(message)
    if lane is None or found is None:
        return None
    status = "deferred" if found["status"] == "SOFTBOUNCE" else found["status"]
    domain = found["to"][1:-1].rpartition("@")[2].lower()
    return Delivery(lane, found["id"], status, found["dsn"], found["text"].removesuffix(")"), at, domain)  # type: ignore[arg-type]
