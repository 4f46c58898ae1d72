"""Applies the packet filter so that it cannot lock the operator out.

``try`` loads the new rules and starts a timer that takes them back; ``confirm``, which must arrive over a new SSH
connection, stops the timer and makes the rules those of the next boot; ``rollback`` takes them back at once.
"""

from __future__ import annotations

import base64  # noqa: F401
import shutil

from common import *  # noqa: F403

CANDIDATE = ETC / "firewall.nft"
CONFIRMED = STATE / "firewall.nft"
BEFORE = RUN / "firewall.before"
TIMER = "postwright-rollback"
EMPTY = "table inet postwright\ndelete table inet postwright\n"


def pending():
    return run("systemctl", "is-active", f"{TIMER}.timer").stdout.strip() == "active"


def stop_timer():
    run("systemctl", "stop", f"{TIMER}.timer")
    run("systemctl", "reset-failed", f"{TIMER}.service")


def load(path):
    done = run("nft", "-f", str(path))
    if done.returncode:
        fail(f"nft -f {path}: {done.stderr}")


def rollback():
    load(BEFORE)
    stop_timer()


def attempt():
    RUN.mkdir(mode=0o700, exist_ok=True)
    if pending():
        rollback()
    BEFORE.write_text(EMPTY + run("nft", "list", "table", "inet", "postwright").stdout)
    done = run("systemd-run", "--quiet", f"--unit={TIMER}", f"--on-active={REQUEST['seconds']}s",
               "--timer-property=AccuracySec=1s", "/usr/sbin/nft", "-f", str(BEFORE))
    if done.returncode:
        fail(f"cannot start the roll-back timer, so the rules were not loaded: {done.stderr}")
    load(CANDIDATE)


def confirm():
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


def main():
    lock = exclusive("converge")
    {"try": attempt, "confirm": confirm, "rollback": rollback}[REQUEST["step"]]()
    lock.close()
    answer(firewall=REQUEST["step"])
