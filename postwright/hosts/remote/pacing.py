"""Hands control requests to this host's pacing agent and brings back what it answered, in order.

Promise: it always ends well and tells what landed. ``failed`` says why the rest did not, and what to do; ``unsure`` that
one request was handed over and its answer never came, so that nobody knows whether it was done.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import IO, Any

from postwright.hosts.remote.common import answer, unit_state

SOCKET = "/run/postwright-pacing/control.sock"
CONFIGURATION = "/etc/postwright/pacing.json"
UNIT = "postwright-pacing.service"
PATIENCE = 60  # seconds for one answer; a release of many messages takes 15 ms each and is answered before it is done
LONGEST = 64 << 20  # octets of an answer; 16 addresses and 20 providers make 0.2 MB


class NoAnswer(Exception):  # noqa: N818 - it is what happened
    """The agent did not answer; the text says why and what to do. ``unsure``: it may have done what it was asked."""

    def __init__(self, text: str, *, unsure: bool = False) -> None:
        super().__init__(text)
        self.unsure = unsure


def main(request: dict[str, Any]) -> None:
    """Run the script. ``socket`` names another control socket than the agent's own."""
    path = request.get("socket", SOCKET)
    answers: list[Any] = []
    failed, unsure = "", False
    try:
        with connected(path) as connection, connection.makefile("rb") as answers_of:
            for one in request["requests"]:
                answers += [answered(connection, answers_of, one)]  # those before a failure are kept
    except NoAnswer as problem:
        failed, unsure = str(problem), problem.unsure
    answer(answers=answers, failed=failed, unsure=unsure)


def connected(path: str) -> socket.socket:
    """A connection to the agent."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise NoAnswer(advice(path, error)) from error
    return connection


def advice(path: str, error: OSError) -> str:
    """Why nobody listens there, and what to do."""
    if isinstance(error, PermissionError):
        return f"may not connect to {path}; only root may: set _sudo for this host in the inventory"
    if not Path(CONFIGURATION).exists():
        return "mail is not paced here yet; run `postwright apply`"
    unit = unit_state(UNIT)
    state = f"{UNIT} is {unit.get('ActiveState', 'in an unknown state')} ({unit.get('SubState', '?')})"
    hint = f"see `journalctl -u {UNIT} -n 50` there, and start it with `systemctl restart {UNIT}`"
    return f"the pacing agent does not listen on {path}: {error.strerror or error}; {state}; {hint}"


def answered(connection: socket.socket, stream: IO[bytes], request: dict[str, Any]) -> dict[str, Any]:
    """One request handed over and its answer."""
    line = exchanged(connection, stream, json.dumps(request).encode() + b"\n")
    if not line.endswith(b"\n"):
        hint = f"it may have been restarted, see `journalctl -u {UNIT} -n 50`"
        raise NoAnswer(f"the pacing agent hung up before it had answered; {hint}", unsure=True)
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise NoAnswer(
            f"the pacing agent answered {line[:80]!r}, which is no JSON object; run `postwright apply`", unsure=True
        )
    return value


def exchanged(connection: socket.socket, stream: IO[bytes], line: bytes) -> bytes:
    """One line there, one line back; less than a line if the agent hung up."""
    try:
        connection.sendall(line)
        return stream.readline(LONGEST)
    except TimeoutError:
        text = f"the pacing agent has not answered for {PATIENCE} s; see `journalctl -u {UNIT} -n 50`"
        raise NoAnswer(text, unsure=True) from None
    except OSError:  # it hung up in the middle
        return b""
