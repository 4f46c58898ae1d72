"""The one part of warm-up that runs as root: moves mail on and off hold as the agent asks, and says what is in the queue.

Promise: it does what ``Queue`` names, to messages named by well-formed queue ids, and nothing else; it reads nothing of a
message but its content_filter, and starts no shell. What it says was moved is what postsuper(1) said was moved: killed in
between, it leaves messages whole, on one side or the other, and the caller asks again. Started by systemd with the listening
socket (sd_listen_fds(3)); ends by itself when nobody asks. Malformed requests are answered with ``{"error": …}``.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

MOST = 200  # ids in one request
_IDLE = 60.0  # seconds without a request after which it ends
_WAIT = 10.0  # seconds a client may take to ask, or to take in a part of the answer
_LONGEST = 1 << 14  # octets of a request
_CLIENTS = 16  # at once; more wait
_LISTED = 1000  # ids in one line of a listing
_PROGRAM = 120  # seconds a program of Postfix may take
_UNFINISHED = 300.0  # seconds without a change after which a file is no longer being written
_KICKS = 5  # pickup does not hear every call
_LISTEN_FD = 3
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Short: microseconds and inode in hexadecimal. Long (enable_long_queue_ids): seconds and microseconds in base 52 (digits and
# consonants), z, and the inode in base 51.
_BASE51 = "0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y"
_ID = re.compile(rf"[0-9A-F]{{6,22}}|[{_BASE51}z]{{10,16}}z[{_BASE51}]{{1,14}}")
_FILTER = re.compile(r"^content_filter: (.*)$", re.MULTILINE)
# A message moves from left to right, and back to deferred: looked at in this order none is missed on its way.
_WAY = ("maildrop", "hold", "deferred", "incoming", "active", "deferred", "incoming")


class Refused(Exception):  # noqa: N818 - it is the answer
    """A request that is not carried out; the text says why."""


class Queue:
    """Postfix's queue of this host; ``path`` is where its programs are looked for.

    Every public method takes at most ``MOST`` ids and gives the answer, or several of them. Raises Refused and OSError.
    """

    def __init__(self, path: str = _PATH) -> None:
        self._path = path
        self._one_at_a_time = threading.Lock()

    def release(self, ids: Sequence[str]) -> dict[str, Any]:
        """From hold to delivery, in the order of the ids. Those that wait deferred are woken too: we may have been cut off."""
        with self._one_at_a_time:
            done = self._postsuper("-H", ids, "released from hold", "hold")
            deferred = self._find(ids, ("deferred",))
            for name in ids:
                if name in done or name in deferred:
                    self._run("postqueue", "-i", name)
            return {"released": _of(ids, done), "gone": self._gone(ids, done, ("hold",))}

    def requeue(self, ids: Sequence[str]) -> dict[str, Any]:
        """From hold or deferred to pickup(8), which takes it in as new mail. Never from active: it might be sent twice."""
        with self._one_at_a_time:
            done = self._postsuper("-r", ids, "requeued", "hold", "deferred")
            if done:
                self._wake_pickup()
            return {"released": _of(ids, done), "gone": self._gone(ids, done, ("hold", "deferred"))}

    def hold(self, ids: Sequence[str]) -> dict[str, Any]:
        """From deferred to hold; ``held`` tells of those as well that were on hold already. Never from active: it may be under way."""
        with self._one_at_a_time:
            before = self._find(ids, ("hold",))
            self._postsuper("-h", ids, "placed on hold", "deferred")
            held = self._find(ids, ("hold",))
            gone = [name for name in ids if name not in held]
            return {"held": _of(ids, held), "gone": gone, "before": _of(ids, before)}

    def held(self) -> Iterator[dict[str, Any]]:
        """All ids on hold, a thousand at a time: there may be a million. What comes or goes meanwhile may be left out."""
        count, ids = 0, []
        for name in _files(self._directory / "hold"):
            if _ID.fullmatch(name):
                ids.append(name)
                count += 1
            if len(ids) == _LISTED:
                yield {"ids": ids}
                ids = []
        if ids:
            yield {"ids": ids}
        yield {"end": count}

    def filters(self, ids: Sequence[str]) -> dict[str, Any]:
        """The last content_filter of each; those that are not there, or not yet complete, are left out."""
        found = {}
        for name, file in self._find(ids, _WAY).items():
            shown = self._run("postcat", "-eq", name) if _complete(file) else None
            if shown and shown.returncode == 0:
                found[name] = ["", *_FILTER.findall(shown.stdout)][-1]
        return {"filters": found}

    def queued(self, ids: Sequence[str]) -> dict[str, Any]:
        """Those that are still somewhere in the queue; not what a smtpd(8) that was killed has left unfinished."""
        found = self._find(ids, _WAY)
        return {"queued": _of(ids, (name for name, file in found.items() if not _abandoned(file)))}

    @cached_property
    def _directory(self) -> Path:
        return Path(self._run("postconf", "-h", "queue_directory").stdout.strip() or "/var/spool/postfix")

    def _postsuper(self, verb: str, ids: Sequence[str], words: str, *queues: str) -> set[str]:
        """The ids postsuper said it moved out of these queues. It is not told of files that are still being written."""
        whole = [name for name, file in self._find(ids, queues).items() if _complete(file)]
        if not whole:
            return set()
        ended = self._run("postsuper", verb, "-", *queues, stdin="".join(f"{name}\n" for name in _of(ids, whole)))
        said = set(re.findall(rf"^postsuper: (\w+): {words}$", ended.stderr, re.MULTILINE)) & set(whole)
        if ended.returncode and not said:
            raise Refused(f"postsuper {verb}: status {ended.returncode}: {ended.stderr.strip()[-500:]}")
        return said

    def _gone(self, ids: Sequence[str], done: set[str], queues: Sequence[str]) -> list[str]:
        left = self._find([name for name in ids if name not in done], queues)
        return [name for name in ids if name not in done and name not in left]

    def _find(self, ids: Iterable[str], queues: Iterable[str]) -> dict[str, Path]:
        """Where these messages are, looked for in the queues one after another."""
        missing = set(ids)
        found: dict[str, Path] = {}
        for queue in queues:
            for folder in _folders(self._directory / queue):
                here = {name: folder / name for name in missing if os.path.lexists(folder / name)}
                found |= here
                missing -= here.keys()
        return found

    def _wake_pickup(self) -> None:
        """It wakes once a minute by itself, so this may fail."""
        for _ in range(_KICKS):
            self._run("postkick", "public", "pickup", "W")
            time.sleep(0.1)
            if next(_files(self._directory / "maildrop"), None) is None:
                return

    def _run(self, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program of Postfix; nothing of our own environment goes with it."""
        return subprocess.run(
            argv, input=stdin, env={"PATH": self._path, "LC_ALL": "C"}, cwd="/", timeout=_PROGRAM,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip


def _of(ids: Sequence[str], some: Iterable[str]) -> list[str]:
    """Those of the ids, in their order."""
    chosen = set(some)
    return [name for name in ids if name in chosen]


def _complete(file: Path) -> bool:
    """Whether cleanup(8) has finished the file: it may be renamed to hold before that, and says so by this bit."""
    try:
        return bool(file.lstat().st_mode & stat.S_IXUSR)
    except FileNotFoundError:
        return False


def _abandoned(file: Path) -> bool:
    """Whether nobody writes it any more, and it will never be sent."""
    with suppress(FileNotFoundError):
        return not _complete(file) and file.lstat().st_mtime < time.time() - _UNFINISHED
    return False


def _folders(queue: Path) -> Iterator[Path]:
    """A queue's folder, and those below it if it is hashed (postconf(5), hash_queue_names). Does not list what may be huge."""
    yield queue
    for digit in "0123456789ABCDEF":
        with suppress(FileNotFoundError):
            if stat.S_ISDIR((queue / digit).lstat().st_mode):
                yield from _folders(queue / digit)


def _files(queue: Path) -> Iterator[str]:
    """The names of a queue's files."""
    for folder in _folders(queue):
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if len(entry.name) > 1)


def answers(queue: Queue, line: bytes) -> Iterator[dict[str, Any]]:
    """What is said to one request; Refused if it is none."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise Refused("the request is no JSON") from None
    verb = str(request.get("do")) if isinstance(request, dict) else ""
    if verb == "held" and len(request) == 1:
        yield from queue.held()
    elif verb in _VERBS and request.keys() == {"do", "ids"}:
        yield _VERBS[verb](queue, _checked(request["ids"]))
    else:
        raise Refused(
            f'the request must be {{"do": …, "ids": […]}} with one of {", ".join(_VERBS)}, or {{"do": "held"}}'
        )


def _checked(ids: object) -> list[str]:
    """The ids, each once."""
    if not isinstance(ids, list) or len(ids) > MOST:
        raise Refused(f"ids must be a list of at most {MOST}")
    for name in ids:
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise Refused(f"not a queue id: {str(name)[:100]!r}")
    return list(dict.fromkeys(ids))


def serve(listener: socket.socket, queue: Queue, idle: float = _IDLE, wait: float = _WAIT) -> None:
    """Answer who connects, each in a thread of its own, until nobody was there for ``idle`` seconds."""
    listener.settimeout(idle)
    free = threading.BoundedSemaphore(_CLIENTS)
    clients: list[threading.Thread] = []
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            clients = [client for client in clients if client.is_alive()]
            if not clients:
                return
            continue
        free.acquire()
        clients = [client for client in clients if client.is_alive()]
        clients.append(threading.Thread(target=_converse, args=(connection, queue, wait, free.release)))
        clients[-1].start()


def _converse(connection: socket.socket, queue: Queue, wait: float, done: Callable[[], None]) -> None:
    """Requests and answers, one after another, until the client leaves, is silent, or asks what it may not."""
    with connection, suppress(OSError):
        try:
            for line in _requests(connection, wait):
                for answer in answers(queue, line):
                    connection.settimeout(wait)
                    _send(connection, answer)
        except (Refused, OSError, subprocess.SubprocessError) as error:
            _send(connection, {"error": str(error)})
        finally:
            done()


def _requests(connection: socket.socket, wait: float) -> Iterator[bytes]:
    """Whole lines; each has to be there in time, however slowly its octets come."""
    buffer, deadline = b"", time.monotonic() + wait
    while True:
        line, newline, rest = buffer.partition(b"\n")
        if len(line) > _LONGEST:
            raise Refused(f"the request is longer than {_LONGEST} octets")
        if newline:
            yield line
            buffer, deadline = rest, time.monotonic() + wait
            continue
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        if not (data := connection.recv(1 << 16)):
            return
        buffer += data


def _send(connection: socket.socket, answer: dict[str, Any]) -> None:
    connection.sendall(json.dumps(answer).encode() + b"\n")


def main() -> int:
    """Serve the socket systemd handed over; the exit status."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        sys.stderr.write("the keeper is started by systemd: `systemctl status postwright-pacing-keeper.socket`\n")
        return 2
    with socket.socket(fileno=_LISTEN_FD) as listener:
        serve(listener, Queue())
    return 0


_VERBS: dict[str, Callable[[Queue, list[str]], dict[str, Any]]] = {
    "release": Queue.release,
    "requeue": Queue.requeue,
    "hold": Queue.hold,
    "filters": Queue.filters,
    "queued": Queue.queued,
}
