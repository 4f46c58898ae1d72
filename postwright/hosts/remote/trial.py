"""Applies what could lock the operator out so that it cannot: the packet filter, and the settings of sshd.

``try`` takes up what is new and starts a timer that takes it back; ``confirm``, which must arrive over a new SSH
connection, stops the timer and makes it what holds at the next boot; ``rollback`` takes it back at once.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postwright.hosts.remote.common import (
    ETC,
    RUN,
    SSHD_CANDIDATE,
    SSHD_CONFIRMED,
    SSHD_LIVE,
    STATE,
    answer,
    exclusive,
    fail,
    run,
)

CANDIDATE = ETC / "firewall.nft"
CONFIRMED = STATE / "firewall.nft"
BEFORE = RUN / "firewall.before"
EMPTY = "table inet postwright\ndelete table inet postwright\n"
# Survives a power cut, and is then run at boot before sshd starts (postwright-ssh.service).
UNDO = STATE / "ssh.undo"
SSHD_BEFORE = STATE / "ssh.before"


@dataclass(frozen=True)
class Trial:
    """One thing that is tried. ``undo`` is a shell command that takes it back, prepared by ``prepare``."""

    timer: str
    undo: str
    prepare: Callable[[], None]
    load: Callable[[], None]
    keep: Callable[[], None]


def pending(trial: Trial) -> bool:
    """Whether something waits for its confirmation."""
    return run("systemctl", "is-active", f"{trial.timer}.timer").stdout.strip() == "active"


def stop_timer(trial: Trial) -> None:
    """Nothing is taken back any more."""
    run("systemctl", "stop", f"{trial.timer}.timer")
    run("systemctl", "reset-failed", f"{trial.timer}.service")


def rollback(trial: Trial) -> None:
    """What was there before the attempt."""
    done = run("sh", "-c", trial.undo)
    if done.returncode:
        fail(f"{trial.undo}: {done.stderr}")
    stop_timer(trial)


def attempt(trial: Trial, seconds: int) -> None:
    """Load what is new; the timer is started first, so that no failure in between can lock out."""
    RUN.mkdir(mode=0o700, exist_ok=True)
    STATE.mkdir(mode=0o700, exist_ok=True)
    if pending(trial):
        rollback(trial)
    trial.prepare()
    timer = ("--quiet", f"--unit={trial.timer}", f"--on-active={seconds}s", "--timer-property=AccuracySec=1s")
    done = run("systemd-run", *timer, "/bin/sh", "-c", trial.undo)
    if done.returncode:
        fail(f"cannot start the roll-back timer, so nothing was taken up: {done.stderr}")
    trial.load()


def confirm(trial: Trial) -> None:
    """Keep what is new, now and at the next boot."""
    if not pending(trial):
        fail("the roll-back timer has run already: what was new is taken back; run again")
    stop_timer(trial)
    trial.keep()


def kept(candidate: Path, confirmed: Path) -> None:
    """Note what has been confirmed: a copy of the candidate, or nothing if there is none."""
    if not candidate.exists():
        confirmed.unlink(missing_ok=True)
        return
    temporary = confirmed.with_suffix(".new")
    shutil.copyfile(candidate, temporary)
    temporary.rename(confirmed)


def prepare_rules() -> None:
    BEFORE.write_text(EMPTY + run("nft", "list", "table", "inet", "postwright").stdout)


def load_rules() -> None:
    """Replace the table, all at once."""
    done = run("nft", "-f", str(CANDIDATE))
    if done.returncode:
        fail(f"nft -f {CANDIDATE}: {done.stderr}")


def keep_rules() -> None:
    kept(CANDIDATE, CONFIRMED)
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--quiet", "postwright-firewall.service")
    done = run("systemctl", "restart", "postwright-firewall.service")
    if done.returncode:
        fail(f"postwright-firewall.service does not start: {done.stderr}")


def prepare_sshd() -> None:
    """Note how to get back; a cut between two of these lines leaves what is there as it is."""
    if UNDO.exists():  # of an attempt that was cut off
        run("sh", str(UNDO))
    back = f"rm -f {shlex.quote(str(SSHD_LIVE))}"
    if SSHD_LIVE.exists():
        shutil.copy2(SSHD_LIVE, SSHD_BEFORE)
        back = f"cp -p {SSHD_BEFORE} {SSHD_LIVE}.undone && mv -f {SSHD_LIVE}.undone {SSHD_LIVE}"
    temporary = UNDO.with_suffix(".new")
    temporary.write_text(f"set -e\n{back}\nrm -f {UNDO} {SSHD_BEFORE}\n")
    os.sync()  # an undo that a power cut leaves empty would undo nothing
    temporary.rename(UNDO)
    os.sync()
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--quiet", "postwright-ssh.service")


def load_sshd() -> None:
    """Put the candidate where sshd reads it, or take ours away if there is none."""
    if SSHD_CANDIDATE.exists():
        SSHD_LIVE.parent.mkdir(exist_ok=True)
        temporary = SSHD_LIVE.with_suffix(".new")  # sshd reads what ends in .conf
        shutil.copyfile(SSHD_CANDIDATE, temporary)
        temporary.chmod(0o644)
        temporary.rename(SSHD_LIVE)
    else:
        SSHD_LIVE.unlink(missing_ok=True)
    reload_sshd()


def listening() -> set[str]:
    """The sockets that the unit's own sshd listens on."""
    pid = run("systemctl", "show", "ssh.service", "-p", "MainPID", "--value").stdout.strip()
    rows = run("ss", "-Hltnpe").stdout.splitlines() if pid != "0" else []
    return {found[1] for row in rows if f"pid={pid}," in row and (found := re.search(r" ino:(\d+)", row))}


def reload_sshd(seconds: int = 20) -> None:
    """Reload, and wait until it has: sshd listens anew. One that systemd starts for each connection reads its files then."""
    before = listening()
    if not before:
        return
    done = run("systemctl", "reload", "ssh.service")
    if done.returncode:
        fail(f"systemctl reload ssh: {done.stderr}")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = listening()
        if now and not now & before:
            return
        time.sleep(0.05)
    fail(f"sshd was told to reload and did not within {seconds} s; see `journalctl -u ssh`")


def keep_sshd() -> None:
    """Unconfirmed as long as there is an undo; the note of what was confirmed comes after it has gone."""
    UNDO.unlink(missing_ok=True)
    SSHD_BEFORE.unlink(missing_ok=True)
    kept(SSHD_CANDIDATE, SSHD_CONFIRMED)
    if not SSHD_CANDIDATE.exists():
        Path("/etc/systemd/system/sysinit.target.wants/postwright-ssh.service").unlink(missing_ok=True)


TRIALS = {
    "firewall": Trial("postwright-rollback", f"/usr/sbin/nft -f {BEFORE}", prepare_rules, load_rules, keep_rules),
    "ssh": Trial(
        "postwright-rollback-ssh",
        # What has been taken back once is not taken back twice.
        f"test ! -e {UNDO} || sh {UNDO} && systemctl try-reload-or-restart ssh.service",
        prepare_sshd,
        load_sshd,
        keep_sshd,
    ),
}


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    trial = TRIALS[request["what"]]
    lock = exclusive("converge")
    match request["step"]:
        case "try":
            attempt(trial, request["seconds"])
        case "confirm":
            confirm(trial)
        case "rollback":
            rollback(trial)
    lock.close()
    answer(**{request["what"]: request["step"]})
