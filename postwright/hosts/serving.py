"""Serves the connections of this process to another one of the same command, which proves what was applied.

A Unix socket for this user alone; a JSON request a connection, answered as the parent's are. Commands of one host run side by
side over its one connection. A host that gives no answer is tried once, and costs nobody else anything. Runs under gevent.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from base64 import b64encode
from pathlib import Path
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from gevent.server import StreamServer
from paramiko import Channel, SSHException, Transport
from pyinfra.api import StringCommand
from pyinfra.connectors.util import make_unix_command_for_host

from postwright.hosts import actions, adapter

AT_ONCE = 8  # commands on one host; sshd's MaxSessions is 10, and it frees a session a moment after its end
LONGEST = 300  # seconds of a command
SILENCE = 20_000  # milliseconds without an acknowledgement, after which the kernel gives a connection up (tcp(7))
_KEEPALIVE = 5  # seconds
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 10)  # seconds, where sshd is told to allow fewer sessions
_PATIENCE = 30  # seconds for a session
_CHUNK = 65_536
_SHOWN = 80  # characters of a command

Request = dict[str, Any]


class _NoAnswerError(Exception):
    """Nothing was learnt from a command; its text is the reason."""


class Line:
    """The way to a host. ``problem``: why there is none, said of each command from then on."""

    def __init__(self, hosts: adapter.Hosts, host: Any) -> None:
        self.hosts, self.host = hosts, host
        self.problem = ""
        self.slots = BoundedSemaphore(AT_ONCE)
        self.opened = gevent.spawn(self._open)

    def _open(self) -> None:
        self.problem = self.hosts.link(self.host).get()
        if self.problem:
            return
        try:
            status, _, said = self._run("true", first=True)
        except _NoAnswerError:
            return  # the problem says why
        if status:
            words = said.decode(errors="replace").strip().splitlines() or [f"exit status {status}"]
            self.problem = (
                f"host {self.host.name}: no command can be run there: {words[-1]}; check the user's shell and sudo"
            )

    def run(self, command: str) -> dict[str, Any]:
        """Status and output of a command, or the ``problem``."""
        self.opened.join()
        try:
            with self.slots:
                status, *output = self._run(command)
        except _NoAnswerError as error:
            return {"problem": str(error)}
        stdout, stderr = (b64encode(it).decode() for it in output)
        return {"status": status, "stdout": stdout, "stderr": stderr}

    def _run(self, command: str, *, first: bool = False) -> tuple[int, bytes, bytes]:
        if self.problem:
            raise _NoAnswerError(self.problem)
        sudo = bool(self.host.data.get("_sudo"))
        try:
            transport = _transport(self.host, watch=first)
            whole = make_unix_command_for_host(self.hosts.state, self.host, StringCommand(command), _sudo=sudo)
            with gevent.Timeout(LONGEST):
                return _executed(transport, whole.get_raw_value())
        except (gevent.Timeout, _NoAnswerError) as error:
            why = error if isinstance(error, _NoAnswerError) else f"it did not end within {LONGEST} s"
            msg = f"host {self.host.name}: `{command[:_SHOWN]}` gave no answer: {why}"
            raise _NoAnswerError(msg) from None
        except (SSHException, OSError, EOFError) as error:
            where = f"the connection to {adapter.target(self.host)} ended"
            why = str(error) or "without a word"
            self.problem = f"host {self.host.name}: {where}: {why}; check that it is up, and run again"
            raise _NoAnswerError(self.problem) from None


def _transport(host: Any, *, watch: bool) -> Transport:
    """paramiko's connection to a host. ``watch``: from now on one that vanishes without a farewell is noticed."""
    client = getattr(host.connector, "client", None)
    transport: Transport | None = client.get_transport() if client else None
    if transport is None:
        raise EOFError
    if watch and isinstance(transport.sock, socket.socket):
        transport.set_keepalive(_KEEPALIVE)  # so that something is always on its way to it
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE)
    return transport


def _executed(transport: Transport, command: str) -> tuple[int, bytes, bytes]:
    """Status and output; EOFError if the connection broke, _NoAnswerError if the command was killed."""
    with _channel(transport) as channel:
        channel.exec_command(command)
        channel.shutdown_write()
        errors = gevent.spawn(_read, channel.recv_stderr)
        output = _read(channel.recv)
        said = errors.get()
        status = channel.recv_exit_status()
    if status >= 0:
        return status, output, said
    if transport.is_active():
        raise _NoAnswerError("it was killed")
    raise EOFError


def _channel(transport: Transport) -> Channel:
    """A session, as soon as sshd allows one more."""
    for pause in _PAUSES:
        try:
            return transport.open_session(timeout=_PATIENCE)
        except SSHException:  # paramiko tells who is refused beside another no more than that
            if not transport.is_active():
                raise
            gevent.sleep(pause)
    return transport.open_session(timeout=_PATIENCE)


def _read(receive: Any) -> bytes:
    return b"".join(iter(lambda: receive(_CHUNK), b""))


_lines: dict[str, Line] = {}
_serving: list[tuple[StreamServer, Path]] = []


def serve(request: Request, _report: adapter.Report) -> None:
    """Listen on the ``socket`` of the request, in a folder of this user's own, from now on."""
    end_serving(request, _report)
    place = Path(request["socket"])
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(place))
    finally:
        os.umask(before)
    listener.listen(256)
    server = StreamServer(listener, _answer)
    server.start()
    _serving.append((server, place))


def end_serving(_request: Request, _report: adapter.Report) -> None:
    """No longer; what is under way is dropped."""
    while _serving:
        server, place = _serving.pop()
        server.stop(timeout=0)
        place.unlink(missing_ok=True)
    _lines.clear()


def _answer(there: socket.socket, _address: object) -> None:
    """One request and what it comes to."""

    def tell(line: dict[str, Any]) -> None:
        there.sendall(json.dumps(line, default=str).encode() + b"\n")

    with there.makefile("rb") as asked:
        line = asked.readline()
    with contextlib.suppress(OSError):  # who asked may have ended
        if line:
            tell(actions.respond(json.loads(line), tell))


def command(request: Request, _report: adapter.Report) -> dict[str, Any]:
    """Run a ``command`` on a ``host``: ``status``, ``stdout`` and ``stderr`` in base64, or the ``problem``."""
    name = request["host"]
    if name not in _lines:
        hosts = actions.hosts_of(request)
        (host,) = hosts.named([name])
        _lines[name] = Line(hosts, host)
    return _lines[name].run(request["command"])
