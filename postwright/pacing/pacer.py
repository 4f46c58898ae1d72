"""Answers Postfix's questions about messages: the budget is taken and on disk before an answer is given.

Promises: a question repeated with the same queue id gets the same answer and costs nothing; no exception reaches the caller,
whatever is asked; when the disk refuses, the answer is what Postfix would do without an agent. Never touches the queue.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from .accounts import Account, LaneState
from .asked import Exchangers, Expected, Mail, at_once
from .books import Books
from .config import RELAY, UNKNOWN_STREAM, Stream
from .decide import Decision, Question, beyond, decide, stream_of
from .policy import WHO, Request, answer, domain_of
from .pools import Ways, ways
from .providers import UNKNOWN

Reply = Callable[[bytes], None]
DUNNO = answer(b"DUNNO")
_QUEUE_ID = re.compile(rb"[0-9A-Za-z]{4,40}")
_COUNT = re.compile(rb"[0-9]{1,9}")
_NOWHERE = answer(b"451 4.3.5 No address of this host may send this mail; its administrator knows why")
_PASSING = frozenset({"passed", "releasing", "deferred", "lost", "holding"})


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
        self._gates = {it.name: answer(b"FILTER " + it.gate.encode()) for it in config.streams if it.gate}
        self._gate_port = config.gate_port.encode()
        self._relay = {name: answer(b"FILTER " + it.encode()) for name, it in config.relays.items()}
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
        queue_id, recipient, sender = get(b"queue_id", b""), get(b"recipient", b""), get(b"sender", b"")
        who = (get(it, b"").decode(errors="replace") for it in WHO)
        user = self.books.config.user_of(*who)
        if not _COUNT.fullmatch(count) or not _QUEUE_ID.fullmatch(queue_id) or int(count) < 1:
            reply(self.failure)
        elif int(count) > 1:
            reply(self.failure if at_gate else self._gate_of(sender, user))
        elif not recipient:
            reply(self.failure)
        else:
            of = self.books.config.stream_at.get(get(b"server_address", b"")) if at_gate else None
            self._one(Mail(queue_id.decode(), sender, recipient, user, at_gate, of), reply)

    def _gate_of(self, sender: bytes, user: str) -> bytes:
        """The answer that sends a message through the gate: its stream's, where the login is not forgotten."""
        stream = stream_of(self.books.config.streams, sender.decode(errors="replace"), user)
        return self._gates.get(stream.name, self._gate) if stream else self._gate

    def _one(self, mail: Mail, reply: Reply) -> None:
        recipient = mail.recipient.decode(errors="replace")
        domain = domain_of(recipient)
        if not domain or self.books.config.ours(recipient, domain):
            reply(DUNNO)
            return
        if self.books.config.header_streams and not mail.at_gate:
            reply(self._gate_of(mail.sender, mail.user))  # cleanup(8) may yet find that a header says otherwise
            return
        found = at_once(self.exchangers.class_of(domain))
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
        lanes = [books.lanes[it.name] for it in books.config.lanes_to(provider)]
        for lane in lanes:
            if mail.queue_id in lane.rowless:
                return self._pass[lane.name]
        row = books.store.execute("SELECT lane, state FROM message WHERE queue_id = ?", (mail.queue_id,)).fetchone()
        if row:
            return self._again(*row)
        expected = self._expected(mail) if mail.at_gate else None
        stream = self._stream(mail, expected)
        found = ways(lanes, self._pools(stream, expected), versions if self._mixed else frozenset(), now)
        if not found.lanes and not (stream and stream.via):
            return _NOWHERE if mail.at_gate else self._gate_of(mail.sender, mail.user)
        return self._decided(mail, stream, found, expected, now)

    def _stream(self, mail: Mail, expected: Expected | None) -> Stream | None:
        """Of whose gate it comes by, of which it was, or by login and sender."""
        config = self.books.config
        before = config.stream.get(expected.stream) if expected else None
        return mail.of or before or stream_of(config.streams, mail.sender.decode(errors="replace"), mail.user)

    def _pools(self, stream: Stream | None, expected: Expected | None) -> tuple[str, ...]:
        """A message that nobody knows more of than its lane stays in that lane's pool: our memory may have been lost."""
        books = self.books
        if stream is None and expected and expected.stream == UNKNOWN_STREAM and expected.lane in books.lanes:
            return (books.lanes[expected.lane].lane.address.pool,)
        return books.config.pools_of(stream.name if stream else "")

    def _again(self, lane: str, state: str) -> bytes:
        """What was answered to this question before."""
        if state == "relayed":
            return self._relay.get(lane.removeprefix("relay/") or RELAY, self.failure)
        return (self._pass if state in _PASSING else self._hold).get(lane, self.failure)

    def _expected(self, mail: Mail) -> Expected | None:
        """The oldest of the messages we requeued that this may be; it is expected no more."""
        store = self.books.store
        found = store.execute(
            "SELECT id, place, forced, paid, lane, stream FROM expected WHERE key = ? ORDER BY place LIMIT 1",
            (mail.key,),
        ).fetchone()
        if found is None:
            return None
        store.begin()
        store.execute("DELETE FROM expected WHERE id = ?", found[:1])
        return Expected(*found[1:])

    def _decided(self, mail: Mail, stream: Stream | None, found: Ways, expected: Expected | None, now: float) -> bytes:
        books, budget = self.books, None
        if books.budgets and found.lanes:
            sender, provider = mail.sender.decode(errors="replace"), found.lanes[0].lane.provider.name
            budget = books.budgets.get(f"{sender[sender.rfind('@') + 1 :].lower()}/{provider}")
        asked = Question(found.lanes, budget, stream, expected is not None, now, found.spare)
        patient, relay = not (expected and expected.forced == "fallback"), bool(stream and stream.relay in self._relay)
        forced = self._forced(asked, found.allowed, expected)
        decision = forced or decide(asked, books.budgets, relay=relay, patient=patient)
        return self._done(decision, mail, stream, budget, expected, now)

    def _forced(self, asked: Question, allowed: Sequence[LaneState], expected: Expected | None) -> Decision | None:
        """What its stream says of all its mail, or what we had decided when we requeued it."""
        stream = asked.stream
        if stream and stream.via:
            return Decision("relay", None)
        if expected is None:
            return None
        if expected.forced == "relay":
            return Decision("relay", None) if stream and stream.relay in self._relay else None
        if expected.paid:  # by the lane that was paid for, or it waits there: elsewhere it would go beyond the budget
            lane = next((it for it in allowed if it.name == expected.lane), None)
            return Decision("pass" if lane.free(asked.now) >= 1 else "hold", lane) if lane else None
        lane = beyond(asked) if expected.forced == "pass" else None
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
            name = stream.via or stream.relay if stream else RELAY
            self._row(mail, ("" if name == RELAY else f"relay/{name}", *where[1:]), "relayed", 0, expected)
            return self._relay.get(name, self.failure)
        if decision.what == "hold":
            self._row(mail, where, "held", paid, expected)
            lane.wait_more(where[1], 1)
            self.wake()
            return self._hold[lane.name]
        # A stream outlives its lane, so it must be on disk.
        rows = lane.account.limited or budget is not None or stream is not None
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
