"""One host of a lab: its tree, its processes, commands on it.

Promise: ``destroy`` leaves nothing of a host, whatever state it is in; the trees below a host are never written to.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from postwright.errors import LabError
from postwright.lab import cgroup, network
from postwright.lab.command import run as run_here
from postwright.lab.command import tail
from postwright.lab.layout import Layout
from postwright.lab.locks import handed_down
from postwright.lab.machine import booted_by_systemd
from postwright.lab.shared import mounts

_BOOT_SECONDS = 60
_STOP_SECONDS = 60
_POWER_OFF = signal.SIGRTMIN + 4  # systemd(1), SIGNALS
_POLL = 0.02
_NSPAWN = Path("/run/systemd/nspawn")
_ENVIRONMENT = (
    "env",
    "-i",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
)


def folder(layout: Layout, host: str) -> Path:
    return layout.directory / host


def root(layout: Layout, host: str) -> Path:
    """The host's file tree, as the machine sees it."""
    return folder(layout, host) / "root"


def exists(layout: Layout, host: str) -> bool:
    return root(layout, host) in mounts()


def build(layout: Layout, host: str, lowers: Sequence[Path]) -> Path:
    """A fresh tree of the host: the cached ones below, its own changes in memory."""
    own = folder(layout, host)
    for part in ("upper", "work", "root"):
        (own / part).mkdir(parents=True)
    below = ":".join(str(lower) for lower in lowers)
    run_here(
        "mount", "-t", "overlay", layout.unit(host),
        "-o", f"lowerdir={below},upperdir={own}/upper,workdir={own}/work", own / "root",
    )  # fmt: skip
    return own / "root"


def boot(layout: Layout, host: str) -> None:
    """Start systemd on the host's tree in the host's network namespace, and wait until it says it runs.

    CAP_NET_ADMIN lets it load packet filter rules, into its own network namespace only.
    """
    command = [
        "systemd-nspawn", "--quiet", "--boot", f"--directory={root(layout, host)}", f"--machine={layout.unit(host)}",
        f"--network-namespace-path=/run/netns/{layout.unit(host)}", "--register=no", "--keep-unit", "--link-journal=no",
        "--settings=no", "--resolv-conf=off", "--timezone=off", "--console=pipe", "--capability=CAP_NET_ADMIN",
    ]  # fmt: skip
    environment = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}
    if booted_by_systemd():
        settings = [f"--setenv={key}={value}" for key, value in environment.items()]
        unit = layout.unit(host)
        run_here("systemctl", "stop", unit, check=False)  # the unit of a host just stopped may still be on its way out
        run_here("systemd-run", "--quiet", "--collect", f"--unit={unit}", "-p", "Delegate=yes", *settings, *command)
    else:
        _start(cgroup.create(layout, host), command, environment, _log(layout, host))
    _wait_until_running(layout, host)


def _start(groups: list[Path], command: list[str], environment: dict[str, str], log: Path) -> None:
    """In groups of its own, and a session of its own: it outlives us, and lets go of the lab's lock."""
    enter = "".join(f'echo $$ >"{group}/cgroup.procs"; ' for group in groups)
    let_go = " ".join(f"{descriptor}>&-" for descriptor in handed_down())
    with log.open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", "bash", "-ec", f'{enter} exec "$@" {let_go}', "bash", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | environment,
            pass_fds=handed_down(),
            check=True,
        )


def _log(layout: Layout, host: str) -> Path:
    return folder(layout, host) / "console.log"


def _wait_until_running(layout: Layout, host: str) -> None:
    deadline = time.monotonic() + _BOOT_SECONDS
    while (state := _state(layout, host)) != "running":
        if state == "degraded":
            failed = run(layout, host, ["systemctl", "--failed", "--plain", "--no-legend"], check=False).stdout
            raise LabError(f"lab: {host}: units failed: {failed.strip()}; {_look(layout, host)}")
        if time.monotonic() > deadline:
            raise LabError(f"lab: {host} did not come up in {_BOOT_SECONDS} s ({state}); {_look(layout, host)}")
        time.sleep(_POLL)


def _state(layout: Layout, host: str) -> str:
    """What the host's systemd says of itself, once it has started all it is to start."""
    try:
        entered = entry(layout, host)
    except LabError:
        return "no systemd"
    ask = ["timeout", str(_BOOT_SECONDS), "systemctl", "is-system-running", "--wait"]
    return subprocess.run([*entered, *ask], capture_output=True, text=True, check=False).stdout.strip()


def _look(layout: Layout, host: str) -> str:
    log = _log(layout, host)
    return f"its console said: {tail(log.read_text(errors='replace'))}" if log.exists() else "see the machine's journal"


def entry(layout: Layout, host: str) -> list[str]:
    """The start of a command line that runs the rest on the host."""
    leader = cgroup.leader(layout, host)
    if leader is None:
        raise LabError(f"lab: {host} does not run; start it: postwright lab up")
    return ["nsenter", "-t", str(leader), "-m", "-u", "-n", "-i", "-p", "--", *_ENVIRONMENT]


def run(
    layout: Layout,
    host: str,
    command: Sequence[str] | str,
    *,
    check: bool = True,
    stdin: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program, or a bash script given as one text, on the host as root."""
    argv = ["bash", "-c", command] if isinstance(command, str) else list(command)
    done = subprocess.run([*entry(layout, host), *argv], input=stdin or "", capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise LabError(f"lab: {host}: {argv[0]} failed ({done.returncode}): {tail(done.stderr or done.stdout)}")
    return done


def power_off(layout: Layout, host: str) -> None:
    """Shut the host down as an operator would; its tree stays."""
    leader = cgroup.leader(layout, host)
    if leader is None:
        return
    os.kill(leader, _POWER_OFF)
    if not _wait_until_gone(layout, host, _STOP_SECONDS):
        raise LabError(f"lab: {host} did not shut down in {_STOP_SECONDS} s; cut its power: postwright lab down")


def cut_power(layout: Layout, host: str) -> None:
    """End the host at once. Its first process goes first, so that systemd-nspawn can tidy up after it."""
    leader = cgroup.leader(layout, host)
    if leader is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(leader, signal.SIGKILL)
    if leader is None or not _wait_until_gone(layout, host, 2):
        cgroup.kill(layout, host)
        _wait_until_gone(layout, host, 2)


def _wait_until_gone(layout: Layout, host: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(cgroup.processes(layout, host)):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def unplug(layout: Layout, host: str) -> None:
    """Remove what a host that does not run leaves: its groups, its network, and the notes of systemd-nspawn."""
    cgroup.remove(layout, host)
    network.detach(layout, host)
    for note in (_NSPAWN / "propagate" / layout.unit(host), _NSPAWN / "unix-export" / layout.unit(host)):
        if note in mounts():
            run_here("umount", note)
        with contextlib.suppress(OSError):
            note.rmdir()
    with contextlib.suppress(OSError):
        tree = root(layout, host).stat()
        (_NSPAWN / "locks" / f"inode-{tree.st_dev}:{tree.st_ino}").unlink()


def destroy(layout: Layout, host: str) -> None:
    """Remove the host with all it ever wrote."""
    cut_power(layout, host)
    unplug(layout, host)
    place = root(layout, host)
    while place in mounts():
        if run_here("umount", place, check=False).returncode:
            run_here("umount", "--lazy", place)
    shutil.rmtree(folder(layout, host), ignore_errors=True)
