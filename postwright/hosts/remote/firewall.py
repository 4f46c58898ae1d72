"""Applies the packet filter so that it cannot lock the operator out.

``try`` loads the new rules and starts a timer that takes them back; ``confirm``, which must arrive over a new SSH
connection, stops the timer and makes the rules those of the next boot; ``rollback`` takes them back at once.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from postwright.hosts.remote.common import ETC, RUN, STATE, answer, exclusive, fail, run

CANDIDATE = ETC / "firewall.nft"
CONFIRMED = STATE / "firewall.nft"
BEFORE = RUN / "firewall.before"
TIMER = "postwright-rollback"
EMPTY = "table inet postwright\ndelete table inet postwright\n"


def pending() -> bool:
    """Whether rules wait for their confirmation."""
    return run("systemctl", "is-active", f"{TIMER}.timer").stdout.strip() == "active"


def stop_timer() -> None:
    """Nothing is taken back any more."""
    run("systemctl", "stop", f"{TIMER}.timer")
    run("systemctl", "reset-failed", f"{TIMER}.service")


def load(path: Path) -> None:
    """Replace the table, all at once."""
    done = run("nft", "-f", str(path))
    if done.returncode:
        fail(f"nft -f {path}: {done.stderr}")


def rollback() -> None:
    """The rules that were there before the attempt."""
    load(BEFORE)
    stop_timer()


def attempt(seconds: int) -> None:
    """Load the candidate; the timer is started first, so that no failure in between can lock out."""
    RUN.mkdir(mode=0o700, exist_ok=True)
    if pending():
        rollback()
    BEFORE.write_text(EMPTY + run("nft", "list", "table", "inet", "postwright").stdout)
    done = run(
        "systemd-run",
        "--quiet",
        f"--unit={TIMER}",
        f"--on-active={seconds}s",
        "--timer-property=AccuracySec=1s",
        "/usr/sbin/nft",
        "-f",
        str(BEFORE),
    )
    if done.returncode:
        fail(f"cannot start the roll-back timer, so the rules were not loaded: {done.stderr}")
    load(CANDIDATE)


def confirm() -> None:
    """Keep the rules, now and at the next boot."""
    if not pending():
        fail("the roll-back timer has run already: the new rules were taken back; run again")
    stop_timer()
    STATE.mkdir(mode=0o700, exist_ok=True)
    temporary = CONFIRMED.with_suffix(".new")
    shutil.copyfile(CANDIDATE, temporary)
    temporary.rename(CONFIRMED)
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--quiet", "postwright-firewall.service")
    done = run("systemctl", "restart", "postwright-firewall.service")
    if done.returncode:
        fail(f"postwright-firewall.service does not start: {done.stderr}")


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    lock = exclusive("converge")
    match request["step"]:
        case "try":
            attempt(request["seconds"])
        case "confirm":
            confirm()
        case "rollback":
            rollback()
    lock.close()
    answer(firewall=request["step"])
