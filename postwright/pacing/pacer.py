"""Answers Postfix's questions about messages: the budget is taken and on disk before an answer is given.

Promises: a question repeated with the same queue id gets the same answer and costs nothing; no exception reaches the caller,
whatever is asked; when the disk refuses, the answer is what Postfix would do without an agent. Never touches the queue.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Protocol

from .accounts import Account, LaneState
from .books import Books
from .config import Stream
from .decide import Decision, Question, beyond, decide, stream_of
from .policy import Request, answer, domain_of
from .providers import UNKNOWN

Reply = Callable[[bytes], None]
DUNNO = answer(b"DUNNO")
_QUEUE_ID = re.compile(rb"[0-9A-Za-z]{4,40}")
_COUNT = re.compile(rb"[0-9]{1,9}")
_PASSING = frozenset({"passed", "releasing", "deferred", "lost", "holding"})


class Class(Protocol):
    """What mx.Recipient is."""

    @property
    def provider(self) -> str: ...
    @property
    def versions(self) -> frozenset[int]: ...


class Exchangers(Protocol):
    async def class_of(self, domain: str) -> Class: ...


class Mail(NamedTuple):
    """What is asked about; ``at_gate``: it comes in by the gate, so it may have been here before."""

    queue_id: str
    sender: bytes
    recipient: bytes
    user: str
    at_gate: bool

    @property
    def key(self) -> bytes:
        return hashlib.sha256(self.sender + b"\0" + self.recipient).digest()[:16]


class Expected(NamedTuple):
    """A message that we had Postfix take in anew: its former place, what it may do, whether its token is taken, and where."""

    place: int
    forced: str
    paid: int
    lane: str


class Pacer:
    """``commit_soon`` is called when an answer waits for the store; ``spawn`` runs a coroutine in the background."""

    def __init__(self, books: Books, exchangers: Exchangers, spawn: Callable[[Coroutine[Any, Any, None]], Any]) -> None:
        self.books, self.exchangers, self._spawn = books, exchangers, spawn
        self.commit_soon: Callable[[], None] = lambda: None
        self.wake: Callable[[], None] = lambda: None
        self._reload_at = 0.0
        self.configured()

    def configured(self) -> None:
        """Take what the (new) configuration says."""
        config = self.books.config
        self.failure = answer(config.failure_answer)
        self._gate = answer(b"FILTER " + config.gate_filter.encode())
        self._gate_port = config.gate_port.encode()
        self._relay = answer(b"FILTER " + config.relay.encode()) if config.relay else self.failure
        self._pass = {name: answer(f"FILTER {name}:".encode()) for name in config.lanes}
        self._hold = {name: answer(lane.held_class.encode()) for name, lane in config.lanes.items()}
        self._mixed = len({it.version for it in config.addresses}) > 1

    def ask(self, request: Request | None, reply: Reply) -> None:
        """Have ``reply`` called once with the answer, now or later."""
        if request is None:
            reply(self.failure)
            return
        get = request.get
        if get(b"request") != b"smtpd_access_policy" or get(b"protocol_state") != b"END-OF-MESSAGE":
            reply(DUNNO)
            return
        count, at_gate = get(b"recipient_count", b""), get(b"server_port") == self._gate_port
        queue_id, recipient = get(b"queue_id", b""), get(b"recipient", b"")
        if not _COUNT.fullmatch(count) or not _QUEUE_ID.fullmatch(queue_id) or int(count) < 1:
            reply(self.failure)
        elif int(count) > 1:
            reply(self.failure if at_gate else self._gate)
        elif not recipient:
            reply(self.failure)
        else:
            user = get(b"sasl_username", b"").decode(errors="replace")
            self._one(Mail(queue_id.decode(), get(b"sender", b""), recipient, user, at_gate), reply)

    def _one(self, mail: Mail, reply: Reply) -> None:
        domain = domain_of(mail.recipient.decode(errors="replace"))
        if not domain or domain in self.books.config.own_domains:
            reply(DUNNO)
            return
        found = _at_once(self.exchangers.class_of(domain))
        if found is None:
            self._spawn(self._later(mail, domain, reply))
        else:
            self._settle(mail, found.provider, found.versions, reply)

    async def _later(self, mail: Mail, domain: str, reply: Reply) -> None:
        try:
            found = await self.exchangers.class_of(domain)
            provider, versions = found.provider, found.versions
        except Exception as error:  # noqa: BLE001 - whatever a resolver does, the mail must get an answer
            self.books.log(f"problem: the class of {domain!a} could not be found: {error!r}")
            provider, versions = UNKNOWN, frozenset()
        self._settle(mail, provider, versions, reply)

    def _settle(self, mail: Mail, provider: str, versions: frozenset[int], reply: Reply) -> None:
        store = self.books.store
        if store.stale and not self._reloaded():
            reply(self.failure)
            return
        try:
            text = self._answer(mail, provider, versions)
        except sqlite3.Error as error:
            store.fail(error)
            reply(self.failure)
            return
        if store.pending:
            store.after(lambda done: reply(text if done else self.failure))
            self.commit_soon()
        else:
            reply(text)

    def _reloaded(self) -> bool:
        """Memory is what the database has, again; tried at most once a second."""
        now = time.monotonic()
        if now < self._reload_at:
            return False
        self._reload_at = now + 1
        try:
            self.books.load()
        except sqlite3.Error as error:
            self.books.store.fail(error)
            return False
        return True

    def _answer(self, mail: Mail, provider: str, versions: frozenset[int]) -> bytes:
        books = self.books
        now = books.now()
        books.opened_or_same(now)
        lanes = self._lanes(provider, versions)
        for lane in lanes:
            if mail.queue_id in lane.rowless:
                return self._pass[lane.name]
        row = books.store.execute("SELECT lane, state FROM message WHERE queue_id = ?", (mail.queue_id,)).fetchone()
        if row:
            return self._again(*row)
        expected = self._expected(mail) if mail.at_gate else None
        return self._decided(mail, lanes, expected, now)

    def _lanes(self, provider: str, versions: frozenset[int]) -> list[LaneState]:
        """The lanes whose address can reach the recipient's hosts; all if none can, for Postfix to say so."""
        found = [self.books.lanes[it.name] for it in self.books.config.lanes_to(provider)]
        if self._mixed and versions:
            return [it for it in found if it.lane.address.version in versions] or found
        return found

    def _again(self, lane: str, state: str) -> bytes:
        """What was answered to this question before."""
        if state == "relayed":
            return self._relay
        return (self._pass if state in _PASSING else self._hold).get(lane, self.failure)

    def _expected(self, mail: Mail) -> Expected | None:
        """The oldest of the messages we requeued that this may be; it is expected no more."""
        store = self.books.store
        found = store.execute(
            "SELECT id, place, forced, paid, lane, budget FROM expected WHERE key = ? ORDER BY place LIMIT 1",
            (mail.key,),
        ).fetchone()
        if found is None:
            return None
        store.begin()
        store.execute("DELETE FROM expected WHERE id = ?", found[:1])
        return Expected(*found[1:5])

    def _decided(self, mail: Mail, lanes: list[LaneState], expected: Expected | None, now: float) -> bytes:
        books, config = self.books, self.books.config
        sender = mail.sender.decode(errors="replace")
        stream = stream_of(config.streams, sender, mail.user) if config.streams else None
        budget = None
        if books.budgets:
            provider = lanes[0].lane.provider.name
            budget = books.budgets.get(f"{sender[sender.rfind('@') + 1 :].lower()}/{provider}")
        asked = Question(lanes, budget, stream, expected is not None, now)
        decision = self._forced(asked, expected) or decide(asked, books.budgets, relay=bool(config.relay))
        return self._done(decision, mail, stream, budget, expected, now)

    def _forced(self, asked: Question, expected: Expected | None) -> Decision | None:
        """What we had decided when we requeued it."""
        if expected is None or (not expected.forced and not expected.paid):
            return None
        if expected.forced == "relay":
            return Decision("relay", None)
        if expected.paid:  # by the lane that was paid for, or it waits there: elsewhere it would go beyond the budget
            lane = next((it for it in asked.lanes if it.name == expected.lane), None)
            return Decision("pass" if lane.free(asked.now) >= 1 else "hold", lane) if lane else None
        lane = beyond(asked)
        return Decision("pass", lane, bypassed=True) if lane else None

    def _done(
        self,
        decision: Decision,
        mail: Mail,
        stream: Stream | None,
        budget: Account | None,
        expected: Expected | None,
        now: float,
    ) -> bytes:
        """Book the decision and give its answer."""
        lane = decision.lane
        paid = expected.paid if expected and lane and lane.name == expected.lane else 0
        where = (lane.name if lane else "", budget.name if budget else "", stream.name if stream else "")
        if lane is None:
            self._row(mail, where, "relayed", 0, expected)
            return self._relay
        if decision.what == "hold":
            self._row(mail, where, "held", paid, expected)
            lane.wait_more(where[1], 1)
            self.wake()
            return self._hold[lane.name]
        rows = lane.account.limited or budget is not None
        if not paid:
            self.spend(lane, budget, bypassed=decision.bypassed)
        if rows or expected:
            self._row(mail, where, "passed", 1, expected)
        lane.leave(mail.queue_id, now, time.time(), row=bool(rows or expected))
        return self._pass[lane.name]

    def spend(self, lane: LaneState, budget: Account | None, *, bypassed: bool = False) -> None:
        """Take a token of everything that counts this message."""
        if lane.account.plan:
            lane.account.take()
        if budget:
            budget.take()
        if bypassed:
            self.books.stat(lane.name).bypassed += 1

    def _row(self, mail: Mail, where: tuple[str, str, str], state: str, paid: int, expected: Expected | None) -> None:
        books = self.books
        place = expected.place if expected else books.place
        books.place += expected is None
        books.store.begin()
        books.store.execute(
            "INSERT INTO message(queue_id, lane, budget, stream, place, at, state, paid, hour, day, key)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (mail.queue_id, *where, place, time.time(), state, paid, books.hour, books.day, mail.key),
        )


def _at_once(question: Coroutine[Any, Any, Class]) -> Class | None:
    """The answer of a coroutine that need not wait, without the cost of a task; None if it has to, or fails."""
    try:
        question.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    except Exception:  # noqa: BLE001 - asked again where there is somebody to log it
        return None
    question.close()
    return None
