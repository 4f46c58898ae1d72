"""Mail that an application sends all the time; ``inbox.py`` says what its receiver thought of it.

Promise: a message the host took is in ``accepted``, exactly once; one it would not take for now is tried again until it is
taken, as real clients do.
"""

from __future__ import annotations

import secrets
import smtplib
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from typing import Self

from postwright.lab import box, mail, state
from postwright.lab.layout import SENDING_DOMAIN

NEW, KEPT, LOCAL = "new", "kept", "local"  # a connection per message; one for all; sendmail(1) on the host
_PATIENCE = 60.0  # seconds the last messages get to be taken, when the traffic ends
_PAUSE = 0.2  # before a message is tried again
_POLL = 0.05


@dataclass(frozen=True)
class Taken:
    """A message the host answers for from this moment on (Unix time)."""

    token: str
    host: str
    moment: float
    sender: str
    kind: str

    @property
    def domain(self):
        return self.sender.rpartition("@")[2]


@dataclass(frozen=True)
class Deferred:
    """A try that failed for now: what the client saw."""

    token: str
    host: str
    moment: float
    kind: str
    text: str


@dataclass
class Traffic:
    """Messages to every host, ``per_second`` to each, from entering the block to leaving it.

    New and kept-open connections take turns; with ``local`` N one message more is handed in on the host, by sendmail(1),
    after every N such pairs. ``senders`` take turns, too. A host that is silent for ``seconds`` counts as gone. Leaving fails if a message was refused for good, or never taken.
    """

    lab: str
    hosts: tuple[str, ...]
    per_second: float = 5
    senders: tuple[str, ...] = (f"news@{SENDING_DOMAIN}",)
    local: int = 0
    seconds: float = 10.0
    accepted: list[Taken] = field(default_factory=list)
    deferred: list[Deferred] = field(default_factory=list)
    refused: list[Deferred] = field(default_factory=list)
    _clients: list[Client] = field(default_factory=list, repr=False)

    @property
    def tokens(self):
        return [taken.token for taken in list(self.accepted)]

    @property
    def domains(self):
        """Token → the domain that must have signed it."""
        return {taken.token: taken.domain for taken in list(self.accepted)}

    @property
    def sources(self):
        """Token → the host that took it."""
        return {taken.token: taken.host for taken in list(self.accepted)}

    def __enter__(self) -> Self:
        described = state.load(self.lab)
        hosts = (self.hosts,) if isinstance(self.hosts, str) else self.hosts
        self._clients = [Client(self, described, host) for host in hosts]
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, failed, *_):
        for client in self._clients:
            client.ending.set()
        deadline = time.monotonic() + _PATIENCE + 2 * self.seconds
        for client in self._clients:
            client.join(max(0, deadline - time.monotonic()))
        if failed is None:  # or the failure of the block would be hidden
            problems = [client.problem for client in self._clients if client.problem]
            problems += [f"{it.host}: {it.token} was refused: {it.text}" for it in self.refused]
            assert not problems, "\n".join(problems)

    def wait_for(self, number, timeout=30.0):
        """Until so many more messages were taken from now on, from every host."""
        before = Counter(taken.host for taken in list(self.accepted))
        self._wait(
            lambda now: all(now[it.host] >= before[it.host] + number for it in self._clients), self.accepted, timeout
        )

    def wait_until_deferred(self, number=1, timeout=30.0):
        """Until so many more tries were deferred from now on."""
        before = len(self.deferred)
        self._wait(lambda now: now.total() >= before + number, self.deferred, timeout)

    def _wait(self, enough, events, timeout):
        deadline = time.monotonic() + timeout
        while not enough(Counter(event.host for event in list(events))):
            assert time.monotonic() < deadline, f"not within {timeout} s; deferred: {self.deferred[-3:]}"
            time.sleep(_POLL)


class Client(threading.Thread):
    """An application that speaks to one host."""

    def __init__(self, traffic, described, host):
        super().__init__(daemon=True)
        self.traffic, self.described, self.host = traffic, described, host
        self.password = described.submission.password_file.read_text().strip()
        self.context = mail._Named(ssl.PROTOCOL_TLS_CLIENT)
        self.context.name = f"{host}.{SENDING_DOMAIN}"
        self.context.load_verify_locations(described.ca_certificate)
        self.ending = threading.Event()
        self.problem = f"{host}: its client did not come to an end"
        self.kept: smtplib.SMTP | None = None

    def run(self):
        kinds = cycle([*[NEW, KEPT] * (self.traffic.local or 1), *([LOCAL] if self.traffic.local else [])])
        due = time.monotonic()
        try:
            for kind, sender in zip(kinds, cycle(self.traffic.senders), strict=False):
                if self.ending.wait(max(0, due - time.monotonic())):
                    break
                due = max(due + 1 / self.traffic.per_second, time.monotonic() - 1)  # catches up a second, no more
                self._until_taken(kind, sender)
            self.problem = ""
        except Exception as error:  # noqa: BLE001 - told when the block is left
            self.problem = f"{self.host}: {type(error).__name__}: {error}"
        finally:
            self._hang_up()

    def _until_taken(self, kind, sender):
        token = secrets.token_hex(8)
        message = mail.compose(self.described, token, sender)
        ended = None
        while True:
            text = self._tried(kind, message)
            if text is None:
                self.traffic.accepted.append(Taken(token, self.host, time.time(), sender, kind))
                return
            event = Deferred(token, self.host, time.time(), kind, text)
            if text[:1] == "5":
                self.traffic.refused.append(event)
                return
            self.traffic.deferred.append(event)
            ended = ended or (time.monotonic() if self.ending.is_set() else None)
            if ended and time.monotonic() > ended + _PATIENCE:
                raise TimeoutError(f"{token} was not taken within {_PATIENCE} s: {text}")
            time.sleep(_PAUSE)

    def _tried(self, kind, message):
        """None if the host took it, else what was in the way, a reply's code first."""
        try:
            {NEW: self._send_new, KEPT: self._send_kept, LOCAL: self._send_local}[kind](message)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            return self._failed(kind, f"{code} {text.decode(errors='replace')}")
        except smtplib.SMTPResponseException as error:
            return self._failed(kind, f"{error.smtp_code} {error.smtp_error!r}")
        except (OSError, smtplib.SMTPException) as error:
            return self._failed(kind, f"{type(error).__name__}: {error}")
        except box.LabError as error:
            return f"sendmail: {error}"
        return None

    def _failed(self, kind, text):
        """After a failure a client begins a connection anew."""
        if kind == KEPT:
            self._hang_up()
        return text

    def _connected(self):
        address, seconds = self.described.hosts[self.host].ipv4, self.traffic.seconds
        client = smtplib.SMTP_SSL(address, mail.IMPLICIT_TLS, timeout=seconds, context=self.context)
        client.login(self.described.submission.login, self.password)
        return client

    def _send_new(self, message):
        with self._connected() as client:
            client.send_message(message)
            client.quit = client.close  # taken is taken, whatever happens to the farewell

    def _send_kept(self, message):
        if self.kept is None:
            self.kept = self._connected()
        self.kept.send_message(message)

    def _send_local(self, message):
        box.run(
            self.traffic.lab, self.host, ["sendmail", "-i", "-f", message["From"], message["To"]], input=str(message)
        )

    def _hang_up(self):
        if self.kept is not None:
            self.kept.close()
        self.kept = None
