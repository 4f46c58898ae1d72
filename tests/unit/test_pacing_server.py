"""The policy socket with real clients: in order, patient with the slow, closed to what is no request."""

import asyncio
import threading
from contextlib import contextmanager

import pytest
from pacing_tools import HOLD, PASS, Client, Journal, Queue, agent, control, request, wait_for

from postwright.pacing import agent as agent_module

FAILURE = "pace_agent_down"
BUDGET = 3


@contextmanager
def running(base, queue=None, **changes):
    """A whole agent in a thread's event loop."""
    made, loop = [], asyncio.new_event_loop()

    async def life():
        it = agent(base, queue, **changes)
        made.append(it)
        await it._restored()
        async with it._listening():
            await it._life()

    def run():
        asyncio.set_event_loop(loop)
        loop.run_until_complete(life())

    thread = threading.Thread(target=run)
    thread.start()
    wait_for((base / "control.sock").exists)
    try:
        yield made[0]
    finally:
        loop.call_soon_threadsafe(made[0]._stop.set)
        thread.join(20)


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(agent_module, "log", lines.append)
    return lines


@pytest.fixture
def path(tmp_path, log):  # noqa: ARG001
    with running(tmp_path):
        yield tmp_path / "policy.sock"


def test_one_connection_asks_many_questions(path):
    client = Client(path)
    assert [client.ask(queue_id=f"AA{number:02d}") for number in range(5)] == [PASS] * BUDGET + [HOLD] * 2


def test_questions_sent_at_once_are_answered_in_their_order(path):
    client = Client(path)
    client.socket.sendall(b"".join([
        request(queue_id="AAAA"), request(recipient="x@example.com"), request(queue_id="BBBB"), b"junk\n\n",
        request(recipient_count="2"), request(queue_id="AAAA"),
    ]))  # fmt: skip
    answers = []
    data = b""
    while len(answers) < 6:
        data += client.socket.recv(4096)
        *done, data = data.split(b"\n\n") if b"\n\n" in data else ([], data)
        answers += [it.decode().removeprefix("action=") for it in done if it]
    assert answers == [PASS, "DUNNO", PASS, FAILURE, "FILTER gate:[127.0.0.1]:10026", PASS]


def test_many_clients_share_one_budget(path):
    clients = [Client(path) for _ in range(20)]
    for number, client in enumerate(clients):
        client.socket.sendall(request(queue_id=f"AA{number:02d}"))
    answers = [client.answer() for client in clients]
    assert sorted(answers) == sorted([PASS] * BUDGET + [HOLD] * 17)


def test_a_slow_client_is_waited_for_and_stops_nobody(path):
    slow, data = Client(path), request(queue_id="SLOW")
    for byte in data[:300]:
        slow.socket.sendall(bytes([byte]))
    assert Client(path).ask(queue_id="FAST") == PASS
    slow.socket.sendall(data[300:])
    assert slow.answer() == PASS


def test_silent_and_broken_off_clients_stop_nobody(path):
    silent = [Client(path) for _ in range(50)]
    for number, client in enumerate(silent[:25]):
        client.socket.sendall(request(queue_id=f"XX{number:02d}")[:200])
        client.close()
    gone = Client(path)
    gone.socket.sendall(request(queue_id="GONE"))
    gone.close()
    assert Client(path).ask(queue_id="GONE") == PASS
    assert silent[30].ask(queue_id="AAAA") == PASS


@pytest.mark.parametrize("data", [b"x" * 1_000_000, b"a=" + b"y" * 9000 + b"\n\n", b"a=b\n" * 300_000])
def test_what_is_too_large_is_answered_as_without_an_agent_and_the_connection_ends(path, log, data):
    client = Client(path)
    try:
        client.socket.sendall(data)
        client.socket.sendall(request())
    except OSError:
        pass  # closed before all was sent
    try:
        assert client.answer() == FAILURE
        assert client.answer() is None
    except ConnectionError:
        pass  # what was unread at the close resets a connection
    assert Client(path).ask() == PASS
    assert any("malformed or too large" in line for line in log)


def test_a_malformed_request_is_answered_and_the_connection_goes_on(path):
    client = Client(path)
    for junk in (b"\n", b"junk\n\n", b"a=b\0\n\n", b"=\n\n"):
        client.socket.sendall(junk)
        assert client.answer() == FAILURE
    assert client.ask() == PASS


def test_complaints_about_input_fill_no_log(path, log):
    client = Client(path)
    for _ in range(500):
        client.socket.sendall(b"junk\n\n")
        client.answer()
    assert 1 <= sum("malformed" in line for line in log) < 20


def test_a_client_that_sends_without_reading_is_held_back(path):
    client, parts = Client(path), [request(queue_id=f"Q{number:05d}") for number in range(400)]
    sender = threading.Thread(target=lambda: [client.socket.sendall(it) for it in parts])
    sender.start()
    data = b""
    while data.count(b"\n\n") < 400:
        data += client.socket.recv(65_536)
    sender.join(20)
    assert data.count(PASS.encode()) == BUDGET


def test_held_mail_leaves_when_a_person_says_so(tmp_path, log):  # noqa: ARG001
    queue = Queue()
    with running(tmp_path, queue, plans={"small": {"unit": "day", "stages": [1]}}):
        client = Client(tmp_path / "policy.sock")
        assert [client.ask(queue_id=it) for it in ("AAAA", "BBBB")] == [PASS, HOLD]
        queue.hold["BBBB"] = ""
        control(tmp_path / "control.sock", do="release", address=None, provider="google", count=None)
        wait_for(lambda: "BBBB" in queue.other)


def test_a_journal_that_ends_unexpectedly_ends_the_agent(tmp_path, log):  # noqa: ARG001
    class Ending(Journal):
        async def run(self, handle, cursor):  # noqa: ARG002
            raise RuntimeError("the follower ended")

    made = agent(tmp_path, journal=Ending())

    async def life():
        await made._restored()
        async with made._listening():
            await made._life()

    with pytest.raises(RuntimeError, match="the follower ended"):
        asyncio.run(life())
