"""testinfra's way to a host: the connection of the command that runs the checks. And what sshd tells a stranger."""

from __future__ import annotations

import re
import subprocess
from base64 import b64decode
from concurrent.futures import Future
from pathlib import Path
from threading import Lock
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host as Reached

from postwright.checks.answers import last_line
from postwright.checks.unknown import UnknownError
from postwright.hosts import process
from postwright.hosts.reaching import unreachable
from postwright.model import Host
from postwright.services.parts import Release

_PATIENCE = 10  # seconds for a connection
_Answer = tuple[int, bytes, bytes]  # status, stdout, stderr


class Backend(BaseBackend):  # type: ignore[misc]  # testinfra is not typed
    """Runs commands over the connection that the command we are part of has; each once in a run, for checks change nothing."""

    NAME = "postwright"

    def __init__(self, host: Host, inventory: Path) -> None:
        super().__init__(host.name)
        self._request = {"action": "command", "inventory": str(inventory), "host": host.name}
        self._asked: dict[str, Future[_Answer]] = {}
        self._lock = Lock()

    encoding = "utf-8"

    def decode(self, data: bytes) -> str:
        return data.decode(errors="replace")

    def run(self, command: str, *args: str, **_options: Any) -> CommandResult:
        """Status and output of a command; UnknownError says why there is none."""
        text = self.quote(command, *args)
        status, stdout, stderr = self._once(text)
        return self.result(status, text.encode(), stdout, stderr)

    @property
    def problem(self) -> str:
        """Why no command can be run there; empty if it can."""
        try:
            self.run("true")
        except UnknownError as error:
            return str(error)
        return ""

    def _once(self, command: str) -> _Answer:
        with self._lock:
            future = self._asked.get(command)
            if first := future is None:
                future = self._asked[command] = Future()
        if first:
            try:
                future.set_result(self._answer(command))
            except Exception as error:  # noqa: BLE001 - it is that of all who ask
                future.set_exception(error)
        return future.result()

    def _answer(self, command: str) -> _Answer:
        answer = process.ask({**self._request, "command": command}, _quiet)
        if "problem" in answer:
            raise UnknownError(answer["problem"])
        return answer["status"], b64decode(answer["stdout"]), b64decode(answer["stderr"])


def _quiet(_line: dict[str, Any]) -> None:
    """A report that goes nowhere."""


def connected(host: Host, inventory: Path) -> Reached:
    """The testinfra host of a mail host; connects with the first command."""
    backend = Backend(host, inventory)
    reached = Reached(backend)
    backend.set_host(reached)
    return reached


def release_of(there: Reached) -> Release:
    """The Debian release of a host."""
    return "12" if there.system_info.release.startswith("12") else "13"


def offered(host: Host) -> set[str]:
    """How the host lets people log in, as it tells a stranger; UnknownError if it cannot be reached.

    Asks for the list only (RFC 4252 section 5.2): no password is tried.
    """
    options = (
        f"ConnectTimeout={_PATIENCE}",
        "PreferredAuthentications=none",
        "NumberOfPasswordPrompts=0",
        "ControlPath=none",
        "BatchMode=yes",
    )
    ssh = host.ssh
    known = (f"UserKnownHostsFile={ssh.known_hosts}", "StrictHostKeyChecking=yes") if ssh.known_hosts else ()
    argv = ["ssh", "-p", str(ssh.port), *(["-F", str(ssh.config)] if ssh.config else [])]
    argv += [part for option in (*options, *known) for part in ("-o", option)]
    try:
        done = subprocess.run(
            [*argv, f"{ssh.user}@{ssh.hostname}", "true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=3 * _PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise UnknownError(_problem(host, f"it said nothing for {3 * _PATIENCE} s")) from None
    if found := re.search(r"Permission denied \(([a-z,-]+)\)", done.stderr):
        return set(found[1].split(","))
    raise UnknownError(_problem(host, done.stderr))


def _problem(host: Host, stderr: str) -> str:
    """Why OpenSSH got no answer."""
    text = last_line(stderr).rpartition(": ")[2].rstrip(".") or "ssh ended without a word"
    return unreachable(host.name, f"{host.ssh.user}@{host.ssh.hostname}:{host.ssh.port}", text)
