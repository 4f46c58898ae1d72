"""A pacing agent to test with: its configuration, real clients, and a keeper and a queue that keep their promises."""

import asyncio
import copy
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from postwright.pacing.agent import Agent, Parts, Paths
from postwright.pacing.books import Books
from postwright.pacing.clock import Clock
from postwright.pacing.config import Config, read
from postwright.pacing.keeping import KeeperError, Moved
from postwright.pacing.pacer import Pacer
from postwright.pacing.parse import parsed
from postwright.pacing.plan_json import to_json
from postwright.pacing.plans import Plan
from postwright.pacing.stages import Thresholds
from postwright.pacing.store import Store

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()
V4, V6 = "v4-192-0-2-10", "v6-2001-db8-0-0-0-0-0-10"


def provider(name, **changes):
    base = {"suffixes": [], "connections": 5, "messages_per_connection": 50, "per_minute": None}
    return {"name": name, **base, **changes}


def address(ip="192.0.2.10", label=V4, plan="small", start="2026-11-22"):
    return {"ip": ip, "label": label, "plan": plan, "start": start if plan else None}


def plan(stages=(3, 6, 12), **changes):
    """A plan by the day whose hours take all of it, as JSON."""
    return to_json(Plan("x", "day", tuple(stages), **{"hour_share": 1.0, **changes}))


_CONFIG = {
    "format": 1,
    "host": "mx1.example.com",
    "addresses": [address()],
    "providers": [provider("google", suffixes=["google.com"]), provider("other"), provider("unknown")],
    "plans": {"small": plan()},
    "thresholds": Thresholds().to_json(),
    "own_domains": ["example.com", "mx1.example.com", "localhost"],
    "domains": {},
    "streams": [],
    "relay": None,
    "failure": "hold",
    "outstanding": 500,
    "queue_lifetime": 432_000,
    "gate": {"port": 10026, "filter": "gate:[127.0.0.1]:10026"},
    "metrics": None,
    "lab_clock": None,
}


def config_data(**changes):
    """A sound configuration as JSON, with changes."""
    return copy.deepcopy(_CONFIG) | changes


def config(**changes) -> Config:
    return parsed(config_data(**changes))


def request(queue_id="4cAbc0123456z7", recipient="user@gmail.test", sender="news@example.com", **changes):
    """A policy request's bytes as smtpd sends them at END-OF-MESSAGE."""
    values = {
        "request": "smtpd_access_policy",
        "protocol_state": "END-OF-MESSAGE",
        "protocol_name": "ESMTP",
        "helo_name": "app.example.com",
        "queue_id": queue_id,
        "sender": sender,
        "recipient": recipient,
        "recipient_count": "1",
        "client_address": "127.0.0.1",
        "client_name": "localhost",
        "reverse_client_name": "localhost",
        "instance": "fb9.6b02410a.e4e2f.0",
        "sasl_method": "",
        "sasl_username": "",
        "sasl_sender": "",
        "size": "2103",
        "ccert_subject": "",
        "ccert_fingerprint": "",
        "encryption_protocol": "TLSv1.3",
        "encryption_keysize": "256",
        "etrn_domain": "",
        "stress": "",
        "client_port": "51234",
        "policy_context": "",
        "server_address": "127.0.0.1",
        "server_port": "587",
        **changes,
    }
    lines = [f"{key}={value}" for key, value in values.items() if value is not None]
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n\n"


def attributes(**changes):
    """The same as the parser gives it."""
    return dict(line.split(b"=", 1) for line in request(**changes).split(b"\n") if line)


class Recipient(NamedTuple):
    provider: str
    versions: frozenset = frozenset()


class Domains:
    """Who receives a domain's mail, from a table: the part before the first dot is the provider's name."""

    def __init__(self, **versions):
        self.versions = versions
        self.slow = False

    async def class_of(self, domain):
        if self.slow:
            await asyncio.sleep(0)
        name = domain.split(".")[0]
        known = {"gmail": "google", "google": "google", "lost": "unknown"}
        return Recipient(known.get(name, "other"), frozenset(self.versions.get(name, ())))


def nobody(_addresses):
    """Every address is on the host, though it is none of this machine."""
    return frozenset()


class Hands:
    """Time in a test's hands."""

    def __init__(self, wall=NOON, boot=1000.0):
        self.wall, self.boot = wall, boot

    def clock(self, latest=0.0, **more):
        return Clock(latest, wall=lambda: self.wall, boot=lambda: self.boot, **more)

    def pass_(self, seconds):
        self.wall += seconds
        self.boot += seconds


class Queue:
    """Postfix's queue as far as the keeper sees it, in a file, so that it survives whoever is killed. Also a keeper.

    ``hold``, ``other``: ids -> filter. ``events``: what was asked for, in order. ``broken``: an error to answer with.
    """

    def __init__(self):
        self.hold, self.other, self.events = {}, {}, []
        self.broken = ""
        self.incomplete = set()

    def _check(self):
        if self.broken:
            raise KeeperError(self.broken)

    async def _move(self, what, ids, source, target):
        self._check()
        self.events.append((what, tuple(ids)))
        done = [it for it in ids if it in source and it not in self.incomplete]
        for it in done:
            value = source.pop(it)
            if target is not None:
                target[it] = value
        return Moved(tuple(done), tuple(it for it in ids if it not in done and it not in self.incomplete))

    async def release(self, ids):
        return await self._move("release", ids, self.hold, self.other)

    async def requeue(self, ids):
        return await self._move("requeue", ids, self.hold, None)

    async def hold_(self, ids):
        before = tuple(it for it in ids if it in self.hold)
        moved = await self._move("hold", ids, self.other, self.hold)
        done = tuple(it for it in ids if it in self.hold)
        return Moved(done, tuple(it for it in moved.gone if it not in done), before)

    async def held(self):
        self._check()
        yield sorted(self.hold)

    async def filters(self, ids):
        self._check()
        return {it: self.hold[it] for it in ids if it in self.hold}

    async def queued(self, ids):
        self._check()
        return {it for it in ids if it in self.hold or it in self.other}


# The keeper's verb is also the name of the dictionary above.
class QueueKeeper:
    """The keeper's side of a Queue."""

    def __init__(self, queue):
        self.queue = queue
        for name in ("release", "requeue", "held", "filters", "queued"):
            setattr(self, name, getattr(queue, name))
        self.hold = queue.hold_


class Journal:
    """A journal that tells what a test puts in. ``oldest``: how far back it reaches."""

    def __init__(self, deliveries=(), oldest=0.0, error=None):
        self.deliveries, self.oldest, self.error = list(deliveries), oldest, error
        self.trouble = ""

    async def run(self, handle, cursor):  # noqa: ARG002 - the follower's own names
        await asyncio.Event().wait()

    async def past(self, since):
        if self.error:
            raise self.error
        yield [it for it in self.deliveries if it.at >= since]

    async def begins(self):
        return self.oldest


class World:
    """Books, a pacer and what belongs to it, in one process, without sockets; time is in the test's hands."""

    def __init__(self, base: Path, configuration: Config | None = None, hands: Hands | None = None):
        self.base, self.hands = base, hands or Hands()
        self.lines = []
        self.store = Store(base / "pacing.db")
        latest = float(self.store.meta("latest") or 0)
        self.books = Books(configuration or config(), self.store, self.hands.clock(latest), self.lines.append)
        self.books.begin_day()
        self.store.commit()
        self.domains = Domains()
        self.pacer = Pacer(self.books, self.domains, lambda work: work.close())

    def ask(self, **changes):
        """The answer's action, once it is on disk."""
        said = []
        self.pacer.ask(attributes(**changes), said.append)
        self.store.commit()
        assert len(said) == 1
        return action(said[0])

    def again(self, configuration=None):
        """The same after a crash: only what is on disk is left."""
        self.store._db.close()
        return World(self.base, configuration or self.books.config, self.hands)

    @property
    def lane(self):
        return self.books.lanes[f"{V4}-google"]


def action(answer):
    assert answer.startswith(b"action=")
    assert answer.endswith(b"\n\n")
    return answer[7:-2].decode()


PASS, HOLD = f"FILTER {V4}-google:", "hold_" + f"{V4}-google".replace("-", "_")


class Client:
    """One smtpd: a real connection to the policy socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))

    def ask(self, **changes):
        self.socket.sendall(request(**changes))
        return self.answer()

    def answer(self):
        """The next answer's action; None if the connection ended first."""
        data = b""
        while not data.endswith(b"\n\n"):
            more = self.socket.recv(4096)
            if not more:
                return None
            data += more
        return action(data)

    def close(self):
        self.socket.close()


def write_config(base, **changes):
    path = base / "pacing.json"
    path.write_text(json.dumps(config_data(**changes)))
    return path


def paths(base):
    return Paths(
        base / "pacing.json", base, str(base / "keeper.sock"), str(base / "control.sock"), str(base / "policy.sock")
    )


def agent(base, queue=None, journal=None, **changes):
    """A whole agent, in this process, with real sockets in ``base``."""
    write_config(base, **changes)
    parts = Parts(Domains(), journal or Journal(), QueueKeeper(queue or Queue()), absent=nobody)
    return Agent(paths(base), read(base / "pacing.json"), parts)


def main(base):
    """A whole agent as a process of its own, whose keeper is the real client of a socket in ``base``."""
    made = Agent(paths(base), read(base / "pacing.json"), Parts(Domains(), Journal(), absent=nobody))
    asyncio.run(made.run())


class KeeperSocket:
    """A Queue behind a real socket, speaking the keeper's protocol, in a thread of its own; an agent may die, it does not."""

    def __init__(self, path, queue):
        self.queue, self._lock = queue, threading.Lock()
        keeper = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    with keeper._lock:
                        self.wfile.writelines(
                            json.dumps(it).encode() + b"\n" for it in keeper.answers(json.loads(line))
                        )

        self._server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def put(self, queue_id, where, value):
        with self._lock:
            where[queue_id] = value

    def answers(self, request):
        verb, ids = request["do"], request.get("ids")
        if verb == "held":
            return [{"ids": sorted(self.queue.hold)}, {"end": len(self.queue.hold)}]
        if verb in ("filters", "queued"):
            found = asyncio.run(getattr(self.queue, verb)(ids))
            return [{verb: found if verb == "filters" else sorted(found)}]
        moved = asyncio.run(getattr(QueueKeeper(self.queue), verb)(ids))
        told = {"held" if verb == "hold" else "released": list(moved.done), "gone": list(moved.gone)}
        return [told | ({"before": list(moved.before)} if verb == "hold" else {})]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Process:
    """An agent as a process of its own, that can be killed and started again."""

    def __init__(self, base):
        self.base = base
        self.start()

    def start(self):
        command = [sys.executable, __file__, str(self.base)]
        with (self.base / "agent.log").open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As systemd does; the exit status."""
        self.process.terminate()
        return self.process.wait(20)

    def log(self):
        return (self.base / "agent.log").read_text()


def patiently(path, deadline=30, **changes):
    """The answer to a question, asked again after each loss of the connection, as Postfix does."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        try:
            client = Client(path)
            try:
                answer = client.ask(**changes)
            finally:
                client.close()
            if answer is not None:
                return answer
        except OSError:
            time.sleep(0.01)
    raise AssertionError("no answer in time")


def control(path, **request):
    """One request to the agent's control socket, and its answer; an agent that is just starting is waited for."""
    with _connected(path) as end:
        end.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(end.makefile().readline())


def _connected(path, deadline=20):
    end = time.monotonic() + deadline
    while True:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(deadline)
        try:
            made.connect(str(path))
        except OSError:
            made.close()
            assert time.monotonic() < end, f"nobody listens at {path}"
            time.sleep(0.02)
        else:
            return made


def wait_for(promise, seconds=30):
    """Until it is true, or the test fails."""
    end = time.monotonic() + seconds
    while not promise():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


if __name__ == "__main__":
    os.umask(0o077)
    main(Path(sys.argv[1]))
