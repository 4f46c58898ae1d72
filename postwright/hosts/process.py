"""The process pyinfra lives in, as its parent sees it: one for everything a command asks, with its SSH connections.

Standard library only: a command starts that process first, and loads what is heavy while the other one does the same.
Requests are done in their order. The process ends with the command, and at the latest with its parent.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

from postwright import errors
from postwright.hosts import served

Report = Callable[[dict[str, Any]], None]
SECONDS_TO_END = 10


class _Child:
    """A running process. A thread reads what it says, so that it never waits for us with its hosts waiting for it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "postwright.hosts.child"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace"
        )
        self.said: SimpleQueue[str] = SimpleQueue()
        self.number = 0
        self.early: dict[
            int, list[dict[str, Any]]
        ] = {}  # request under way → what came while another's answer was awaited
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for line in self.process.stdout or ():
                self.said.put(line)
        finally:
            self.said.put("")

    def request(self, request: dict[str, Any]) -> int:
        if self.process.stdin is None:
            raise AssertionError
        self.number = number = self.number + 1
        self.early[number] = []
        with contextlib.suppress(BrokenPipeError):  # it has ended; who waits for the answer is told
            self.process.stdin.write(json.dumps({**request, "number": number}, default=str) + "\n")
            self.process.stdin.flush()
        return number

    def answer(self, number: int, report: Report) -> Any:
        for message in self._messages(number):
            if "event" not in message:
                del self.early[number]
                return result(message)
            report(message)
        status = self.process.wait()
        stop()
        msg = f"the process that speaks to hosts ended with status {status} and no answer; run again with -vv"
        raise errors.DeployError(msg)

    def _messages(self, number: int) -> Iterator[dict[str, Any]]:
        yield from self.early[number]
        while line := self.said.get():
            message = json.loads(line)
            if message["number"] == number:
                yield message
            else:
                self.early[message["number"]].append(message)
        self.said.put("")  # for who waits for another answer

    def end(self) -> None:
        if self.early or not self.number:
            self.process.terminate()  # what it has begun on a host, the host ends by itself
        if self.process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


_running: list[_Child] = []


def start() -> None:
    """Have the process ready soon; nothing if it is there."""
    if not _running:
        _running.append(_Child())


def stop() -> None:
    """End the process, with whatever it is at."""
    while _running:
        _running.pop().end()


atexit.register(stop)


def asked(request: dict[str, Any]) -> Callable[[Report], Any]:
    """Make a request and go on; the function waits for its result, with its events to ``report``, or raises its error."""
    if served.path:  # this is not the process of the command, but has the use of its connections
        return partial(served.ask, request)
    start()
    child = _running[0]
    return partial(child.answer, child.request(request))


def ask(request: dict[str, Any], report: Report) -> Any:
    """The same, at once."""
    return asked(request)(report)


def result(message: dict[str, Any]) -> Any:
    """What the last line about a request says; raises its error."""
    if "error" in message:
        raise _error(message)
    return message["result"]


def _error(message: dict[str, Any]) -> Exception:
    """The child's error as what it was there."""
    kind = message["error"]
    if kind == "InventoryError":
        return errors.InventoryError(message["where"], message["problems"])
    known = getattr(errors, kind, None)
    return known(message["text"]) if known else RuntimeError(f"bug in postwright:\n{message['text']}")
