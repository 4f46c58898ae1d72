"""Letters whose fate is counted: who took each, under which queue id, and what the providers of ``providers_of_mail.py`` saw.

Promise: a letter the host took is ``taken``; one whose answer was lost with the connection is neither taken nor refused and is
never sent again, so whatever arrives twice was doubled behind the host's back.
"""

from __future__ import annotations

import re
import secrets
import smtplib
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from postwright.lab import state
from postwright.lab.layout import SENDING_DOMAIN

PORT = 25
_PATIENCE = 90.0  # seconds a host may be away
_PAUSE = 0.1
NEIGHBOURS = 2
_QUEUED_AS = re.compile(r"queued as (\w+)")


@dataclass
class Letter:
    """``taken``: True from the host's 250 on, None if the answer never came."""

    token: str
    number: int
    domain: str
    recipients: tuple[str, ...]
    taken: bool | None = False
    queue_id: str = ""
    moment: float = 0.0


@dataclass
class Post:
    """An application on a trusted machine that hands letters to a host's port 25, one after the other on one connection."""

    lab: str
    host: str
    sender: str = f"news@{SENDING_DOMAIN}"
    letters: list[Letter] = field(default_factory=list)
    _numbers: count = field(default_factory=count, repr=False)
    _client: smtplib.SMTP | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def send(self, domain, number=1, *, recipients=()):
        """So many letters to users of this domain, or to these recipients; each until the host took it."""
        return [self._posted(domain, tuple(recipients)) for _ in range(number)]

    def _posted(self, domain, recipients):
        with self._lock:
            number = next(self._numbers)
            letter = Letter(secrets.token_hex(8), number, domain, recipients or (f"user{number}@{domain}",))
            deadline = time.monotonic() + _PATIENCE
            while letter.taken is False:
                self._try(letter, deadline)
            self.letters.append(letter)
            return letter

    def _try(self, letter, deadline):
        """One attempt; TimeoutError if the host took nothing for too long."""
        told = False
        try:
            client = self._connected()
            expect(client.mail(self.sender), 250)
            for recipient in letter.recipients:
                expect(client.rcpt(recipient), 250)
            expect(client.docmd("DATA"), 354)
            told = True
            client.send(self._text(letter))
            letter.queue_id = _QUEUED_AS.search(expect(client.getreply(), 250))[1]
            letter.taken, letter.moment = True, time.time()
        except (OSError, smtplib.SMTPServerDisconnected, RefusedError) as error:
            self.hang_up()
            letter.taken = None if told and not isinstance(error, RefusedError) else False
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.host} took no mail for {_PATIENCE:g} s: {error}") from error
            time.sleep(_PAUSE)

    def _connected(self):
        if self._client is None:
            client = smtplib.SMTP(state.load(self.lab).hosts[self.host].ipv4, PORT, timeout=20)
            client.ehlo("app.test")
            self._client = client
        return self._client

    def _text(self, letter):
        to = ", ".join(letter.recipients)
        head = f"From: {self.sender}\r\nTo: {to}\r\nMessage-ID: <{letter.token}@{SENDING_DOMAIN}>\r\n"
        return f"{head}Subject: letter {letter.number}\r\n\r\nNumber {letter.number}.\r\n.\r\n".encode()

    @property
    def unanswered(self):
        """How many letters' clients were cut off before the host's answer."""
        return sum(it.taken is None for it in self.letters)

    def hang_up(self):
        if self._client is not None:
            self._client.close()
        self._client = None


class RefusedError(Exception):
    """The host would not take it now."""


def expect(reply, code):
    if reply[0] != code:
        raise RefusedError(f"{reply[0]} {reply[1].decode(errors='replace')}")
    return reply[1].decode()


def letter_of(attempt):
    """Which letter to whom; a letter to several is delivered once to each."""
    return attempt["token"], tuple(sorted(attempt["recipients"]))


def per_lane(attempts: Iterable[dict]) -> Counter[tuple[str, str]]:
    """(client's address, provider) → how many different letters were delivered."""
    seen = {(it["client"], it["provider"], letter_of(it)) for it in attempts if it["taken"]}
    return Counter((client, provider) for client, provider, _ in seen)


def twice(attempts: Iterable[dict]) -> dict[str, list]:
    """The letters that were delivered more than once, by who did it.

    "smtp": the same queue file went out again, because Postfix died before it could note the receiver's 250 (RFC 1047);
    "gate": so it was between the gate and the host's own port; "ours": anything else.
    """
    copies, found = defaultdict(list), defaultdict(list)
    for attempt in attempts:
        if attempt["taken"]:
            copies[letter_of(attempt)].append(attempt)
    for letter, several in copies.items():
        if len(several) > 1:
            found[_who_doubled(several)].append(letter)
    return dict(found)


def _who_doubled(several):
    last, first = {it["ids"][0] for it in several}, {it["ids"][-1] for it in several}
    if len(last) == 1:
        return "smtp"
    return "gate" if len(first) == 1 and any(len(it["ids"]) > 1 for it in several) else "ours"


def disorder(letters: Iterable[Letter], attempts: Iterable[dict]) -> list[str]:
    """A line for each letter that left its lane more than ``NEIGHBOURS`` places from where its arrival puts it.

    Within a few milliseconds Postfix takes what waits as its folder lists it, so neighbours may change places.
    """
    numbers, lanes = {it.token: it.number for it in letters}, defaultdict(list)
    for attempt in attempts:
        if attempt["taken"] and attempt["token"] in numbers:
            lanes[attempt["client"], attempt["provider"]].append(numbers[attempt["token"]])
    return [
        f"{lane}: {number} at {place}, should be at {should}"
        for lane, order in lanes.items()
        for should, number in enumerate(sorted(order))
        if abs((place := order.index(number)) - should) > NEIGHBOURS
    ]


def missing(letters: Iterable[Letter], attempts: Iterable[dict]) -> list[tuple[str, str]]:
    """The letters the host took and the receiver has not, as (token, recipient)."""
    there = {(it["token"], recipient) for it in attempts if it["taken"] for recipient in it["recipients"]}
    return [(it.token, to) for it in letters if it.taken for to in it.recipients if (it.token, to) not in there]
