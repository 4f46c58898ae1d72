"""Installs Debian packages without letting their services start before they are configured."""

from __future__ import annotations

import time
from typing import Any

from postwright.hosts.remote.common import GUARD, GUARD_MARK, answer, exclusive, fail, run, text_of
from postwright.hosts.remote.configured import INSTALLED, note, strike

ENVIRONMENT = ("env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
APT = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confold")


def apt(*arguments: str) -> None:
    """Run apt-get; its last lines are the error if it fails."""
    done = run(*ENVIRONMENT, *APT, *arguments)
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines()
        fail(f"apt-get {arguments[0]} failed:\n" + "\n".join(lines[-12:]))


def finish() -> None:
    """Let dpkg finish what an earlier run was cut off in the middle of.

    Whoever kills apt-get leaves its dpkg running, which holds the lock a while and then ends half-way: until then there is
    nothing to be finished, and afterwards apt-get would refuse. Two minutes, as for apt-get; it waits for the lock itself then.
    """
    for _ in range(120):
        done = run(*ENVIRONMENT, "dpkg", "--force-confold", "--configure", "-a")
        if "lock was locked by another process" not in done.stderr:
            return
        time.sleep(1)


def unpacked(names: list[str]) -> set[str]:
    """Those of these packages of which dpkg has put anything on this host."""
    rows = run("dpkg-query", "-W", "-f", "${Package}\t${db:Status-Abbrev}\n", *names).stdout.splitlines()
    states = dict(row.split("\t") for row in rows)
    return {name for name, state in states.items() if state[1:2] not in {"n", "c"}}  # not installed; removed


def install(names: list[str]) -> None:
    """Install packages; they count as ours from before dpkg runs their scripts, and no longer if it never came to that."""
    # Cut off from here on, what their scripts leave behind is nobody's configuration.
    note(INSTALLED, names)
    try:
        apt("install", "--no-install-recommends", *names)
    except SystemExit:
        strike(INSTALLED, {*names} - unpacked(names))
        raise


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    lock = exclusive("install", 600)
    if GUARD.exists() and GUARD_MARK not in text_of(GUARD):
        fail(f"{GUARD} is there and not ours: services are kept from starting on this host; remove it and run again")
    GUARD.write_text(f"#!/bin/sh\n{GUARD_MARK}exit 101\n")
    GUARD.chmod(0o755)
    try:
        finish()
        if request["packages"]:
            apt("update")
            install(request["packages"])
    finally:
        GUARD.unlink(missing_ok=True)
    lock.close()
    answer(installed=request["packages"])
