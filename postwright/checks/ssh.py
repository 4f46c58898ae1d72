"""testinfra's way to a host, which says once, and in words of ours, that a host gives no answer."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import Any

from testinfra.backend.ssh import SshBackend
from testinfra.host import Host as Reached

from postwright.checks.answers import last_line
from postwright.checks.unknown import UnknownError
from postwright.model import Host
from postwright.services.parts import Release

_LOST = 255  # ssh's own exit status
_PATIENCE = 10  # seconds for a connection


class Backend(SshBackend):  # type: ignore[misc]  # testinfra is not typed
    """Runs commands over one SSH connection; after a connection failed, no other is tried.

    testinfra's own options switch multiplexing on without a ControlPath, so that nothing is shared; hence ours.
    """

    def __init__(self, host: Host, control_path: str) -> None:
        ssh = host.ssh
        extra = ["-o", "BatchMode=yes"]
        if ssh.known_hosts:
            extra += ["-o", f"UserKnownHostsFile={ssh.known_hosts}", "-o", "StrictHostKeyChecking=yes"]
        name = f"[{ssh.hostname}]" if ":" in ssh.hostname else ssh.hostname
        super().__init__(
            f"{ssh.user}@{name}:{ssh.port}",
            ssh_config=str(ssh.config) if ssh.config else None,
            ssh_identity_file=str(ssh.key) if ssh.key else None,
            controlpath=control_path,
            ssh_extra_args=shlex.join(extra),
            sudo=ssh.sudo,
        )
        self.problem = ""
        self._told = host

    def probe(self) -> None:
        """Find out whether commands can be run there; if not, ``problem`` says why."""
        try:
            result = super().run_ssh(self.get_command("true"))
        except RuntimeError as error:
            (result,) = error.args
        self.problem = problem(self._told, result.rc, result.stderr)

    def run_ssh(self, command: str) -> Any:
        if not self.problem:
            try:
                return super().run_ssh(command)
            except RuntimeError as error:
                (result,) = error.args
            self.probe()
            if not self.problem:
                return result  # the status was the command's own
        raise UnknownError(self.problem)


def connected(host: Host, control_path: str) -> Reached:
    """The testinfra host of a mail host; connects with the first command."""
    backend = Backend(host, control_path)
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
        raise UnknownError(problem(host, _LOST, f"it said nothing for {3 * _PATIENCE} s")) from None
    if found := re.search(r"Permission denied \(([a-z,-]+)\)", done.stderr):
        return set(found[1].split(","))
    raise UnknownError(problem(host, _LOST, done.stderr))


def problem(host: Host, status: int, stderr: str) -> str:
    """Why no command can be run on a host, given how ``true`` ended there; empty if it can."""
    if status == 0:
        return ""
    said = last_line(stderr)
    if status != _LOST:
        return f"host {host.name}: no command can be run there: {said or f'exit status {status}'}; check the user's shell and sudo"
    text = said.rpartition(": ")[2].rstrip(".") or "ssh ended without a word"
    hint = "check that it is up, and address, port and firewall"
    if "Permission denied" in said:
        hint = "the host refused the key; check ssh_key and the user's authorized_keys"
    elif "host key" in said.lower():
        hint = "its host key is not the known one; if the host was rebuilt, remove the old key from known_hosts"
    return f"host {host.name}: cannot connect to {host.ssh.user}@{host.ssh.hostname}:{host.ssh.port}: {text}; {hint}"
