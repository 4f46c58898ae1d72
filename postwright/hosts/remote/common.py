"""What the scripts share: digests, running programs, the lock, and how they answer."""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

STATE = Path("/var/lib/postwright")
RUN = Path("/run/postwright")
ETC = Path("/etc/postwright")
# Settings of sshd: as described, where sshd reads them, and as a new connection has confirmed them.
SSHD_CANDIDATE = ETC / "sshd.conf"
SSHD_LIVE = Path("/etc/ssh/sshd_config.d/00-postwright.conf")
SSHD_CONFIRMED = STATE / "sshd.conf"
# Debian asks this file whether a package may start its service (invoke-rc.d(8)).
GUARD = Path("/usr/sbin/policy-rc.d")
GUARD_MARK = "# postwright: no service starts before it is configured\n"


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run a program; its output as text, whatever its exit status. One that is not there ends with 127, as in a shell."""
    try:
        return subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(argv, 127, "", f"{argv[0]}: not found on this host")


def digest(path: str | Path) -> str | None:
    """SHA-256 of a file in hexadecimal, or None if there is none."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return None


def configuration_digest(paths: Iterable[str]) -> str:
    """What /etc/postwright/stamp computes: ``sha256sum`` of the output of ``sha256sum`` over existing files."""
    lines = "".join(f"{value}  {path}\n" for path in paths if (value := digest(path)))
    return hashlib.sha256(lines.encode()).hexdigest()


def text_of(path: str | Path) -> str:
    """A file's text, or an empty string."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def name_of(lookup: Callable[[int], Any], number: int) -> str:
    """The user or group of a number, or the number."""
    try:
        return str(lookup(number)[0])
    except KeyError:
        return str(number)


def answer(**values: Any) -> None:
    """Print the script's result; the last line of its output."""
    print(json.dumps(values))  # noqa: T201


def fail(message: str) -> NoReturn:
    """End the script with a message for the operator."""
    sys.stderr.write(message.rstrip() + "\n")
    sys.exit(1)


def exclusive(name: str, seconds: int = 60) -> TextIO:
    """Hold a lock of this host until the process ends; another run of ours may still be finishing."""
    RUN.mkdir(mode=0o700, exist_ok=True)
    handle = (RUN / f"{name}.lock").open("w")
    for _ in range(seconds * 10):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.1)
        else:
            return handle
    fail(f"another run of postwright has held {RUN / name}.lock for {seconds} s; see `fuser {RUN / name}.lock`")


def unit_states(units: Sequence[str]) -> dict[str, dict[str, str]]:
    """Of each systemd unit the properties that decide whether it runs what is on disk; asked all at once."""
    names = "LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,ConditionResult,ConditionTimestampMonotonic"
    shown = run("systemctl", "show", *units, "-p", names).stdout.strip("\n").split("\n\n")
    found = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown]
    return dict(zip(units, found, strict=False))  # without systemd it says nothing


def unit_state(unit: str) -> dict[str, str]:
    """The same of one."""
    return unit_states([unit]).get(unit, {})


def unfit_for_container(unit: dict[str, str]) -> bool:
    """Whether systemd itself refused the unit here: chrony in a container, whose clock is that of the machine below."""
    refused = unit.get("ConditionResult") == "no" and unit.get("ConditionTimestampMonotonic") != "0"
    return refused and unit.get("ActiveState") == "inactive" and Path("/run/systemd/container").exists()


def has_stamp(name: str, paths: Sequence[str]) -> bool:
    """Whether the stamp of this name is of these files as they are now. Who reads no file needs none."""
    return not paths or text_of(RUN / f"{name}.stamp").strip() == configuration_digest(paths)


def holds(service: dict[str, Any]) -> bool:
    """Whether what the service has done is still in effect, by its own test."""
    return not service.get("holds") or run("sh", "-c", service["holds"]).returncode == 0


def service_state(service: dict[str, Any], unit: dict[str, str] | None = None) -> dict[str, bool]:
    """Whether a service runs, starts at boot, was started with what is on disk now, and has loaded what it reloads.

    ``unit``: its unit's state, if that has been asked for just now.
    """
    unit = unit_state(service["unit"]) if unit is None else unit
    return {
        "active": unit.get("ActiveState") == "active",
        "enabled": unit.get("UnitFileState") in {"enabled", "static", "alias", "enabled-runtime"},
        "current": has_stamp(service["name"], service["stamped"])
        and unit.get("NeedDaemonReload") != "yes"
        and holds(service),
        "loaded": not service["reloaded"] or has_stamp(f"{service['name']}.reload", service["reloaded"]),
        "wanted_here": not unfit_for_container(unit),
    }


def last_words(unit: str) -> str:
    """The newest lines of a unit's journal."""
    return run("journalctl", "-u", unit, "-n", "12", "--no-pager", "-o", "cat").stdout
