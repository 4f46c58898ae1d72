"""Reads in Postfix's log how messages left: over which kind of TLS, or in clear. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

# What to print on a host: clients of SMTP, lanes included, with the second and the process of each line. Its status is that
# of journalctl, or of a grep that failed; that there is no such line (1) is no failure.
_SHOWN = (
    "set -o pipefail; journalctl -q --no-pager -o short-unix --since -1d _COMM=smtp "
    '| { grep -E "TLS connection (established|reused) to |status=sent " || test $? = 1; }'
)
SHOWN = f"bash -c '{_SHOWN}'"
_LINE = re.compile(r"(?P<at>\d+)\.\d+ \S+ \S+\[(?P<pid>\d+)\]: (?P<text>.*)")
_SESSION = re.compile(r"(?P<trust>\w+) TLS connection (?:established|reused) to (?P<relay>\S+?\]:\d+)")
_SENT = re.compile(r"\w+: to=<[^>]*@(?P<domain>[^>@]+)>, .*?relay=(?P<relay>[^,]+), .*status=sent ")
_LONGEST = 600  # seconds between a handshake and a message over it; what began before the log does is not judged
CLEAR = "Clear"


class Left(NamedTuple):
    """A message that was taken by a receiver. ``trust``: Postfix's word (Verified, Trusted, …), or ``CLEAR``."""

    domain: str
    relay: str
    trust: str


def deliveries(lines: Iterable[str]) -> Iterator[Left]:
    """Each message in the order it left; what went from Postfix to itself (127.*), by the gate of a paced host, left not yet."""
    trusted: dict[tuple[str, str], str] = {}
    first = None
    for found in filter(None, map(_LINE.match, lines)):
        at, pid, text = int(found["at"]), found["pid"], found["text"]
        first = at if first is None else first
        if session := _SESSION.match(text):
            trusted[pid, session["relay"]] = session["trust"]
        elif (sent := _SENT.match(text)) and "[127." not in sent["relay"]:
            trust = trusted.get((pid, sent["relay"]), CLEAR)
            if trust != CLEAR or at > first + _LONGEST:
                yield Left(sent["domain"].lower(), sent["relay"], trust)
