"""What several checks want to know of a host, asked in one command for all: a host is one and the same for a whole run.

That each command is run once in a run sees to the rest (``ssh.Backend``).
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import testinfra.host

from postwright.checks.unknown import UnknownError

STAMPS = "/etc/postwright/stamps"


def setting(there: testinfra.host.Host, name: str) -> str:
    """What Postfix itself reports of a setting (postconf(1)), unexpanded; AssertionError if it reports none."""
    shown = str(there.check_output("postconf")).splitlines()
    found = dict(line.split(" =", 1) for line in shown if " =" in line)
    assert name in found, f"postconf knows no {name}"
    return found[name].strip()


def mapped(there: testinfra.host.Host, table: str, keys: Sequence[str]) -> dict[str, str]:
    """Key → what a table of Postfix's has for it (postmap(1)); those it has nothing for are missing."""
    asked = " ".join(map(shlex.quote, keys))
    shown = there.run(f"printf '%s\\n' {asked} | postmap -q - {table}").stdout.splitlines()
    return dict(line.split("\t", 1) for line in shown if "\t" in line)


def stamps(there: testinfra.host.Host) -> dict[str, list[str]]:
    """Name of a stamp → its lines."""
    found: dict[str, list[str]] = {}
    for line in there.run(f"cd {STAMPS} && grep '' /dev/null *").stdout.splitlines():
        name, _, text = line.partition(":")
        found.setdefault(name, []).append(text)
    return found


def exposure(there: testinfra.host.Host, units: Sequence[str]) -> dict[str, float]:
    """Unit → its exposure as systemd counts it (systemd-analyze(1)); those it says nothing of are missing."""
    shown = there.run(f"systemd-analyze security --no-pager {' '.join(sorted(units))}").stdout
    words = [line.partition("Overall exposure level for ")[2].split() for line in shown.splitlines()]
    return {it[0].rstrip(":"): float(it[1]) for it in words if len(it) > 1}


def outdated(there: testinfra.host.Host) -> set[str]:
    """Units of which a process runs with a library that has been replaced; every part of their control groups' names."""
    # The status is 1 where no process has one, and 2 where grep failed; one that ended meanwhile is no failure (-s).
    script = (
        r"grep -lsE '\.so[.0-9]* \(deleted\)' /proc/[0-9]*/maps | "
        'while read -r maps; do cat "${maps%/maps}/cgroup" 2>/dev/null; done; grep -c "" /proc/1/maps'
    )
    done = there.run(script)
    *groups, seen = done.stdout.splitlines() or ["0"]
    if not int(seen):
        raise UnknownError(f"the libraries of processes cannot be read: {done.stderr.strip()}")
    return {part for group in groups for part in group.split("/")}
