"""``python -m postwright.lab.demo``: the main job, from an empty host to a proven message, through the operator's CLI.

Promise: every phase is the command an operator would type, run as a process; what the table says was proven is what
these commands answered. The lab is taken down at the end, whatever happens; ``--keep`` leaves it up to look around.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from postwright.lab import machine
from postwright.lab.layout import default_name

INVENTORY = "inventories/lab.py"


@dataclass(frozen=True)
class Phase:
    """A command, and how its JSON answer reads as a proof. ``proof`` raises ValueError if it proves nothing."""

    title: str
    command: tuple[str, ...]
    proof: Callable[[dict[str, Any]], str]


@dataclass(frozen=True)
class Done:
    """A phase that was run."""

    phase: Phase
    seconds: float
    proof: str
    good: bool


def _hosts(answer: dict[str, Any]) -> str:
    return f"{', '.join(answer['hosts'])} boot, with systemd, IPv4 and IPv6"


def _applied(answer: dict[str, Any]) -> str:
    changes = sum(len(steps) for steps in answer["hosts"].values())
    proven = ", ".join(f"{it['host']} signs {it['domain']} with {it['selector']}" for it in answer["proven"])
    if not proven:
        raise ValueError("no signature was proven")
    return f"{len(answer['keys'])} key, {len(answer['zones'])} zones, {changes} host changes; {proven}"


def _delivered(answer: dict[str, Any]) -> str:
    if not answer["good"]:
        raise ValueError(json.dumps(answer))
    dkim = ", ".join(one["result"] for one in answer["dkim"])
    return f"spf={answer['spf']} dkim={dkim} dmarc={answer['dmarc']}, delivered over {answer['tls']}"


def _verified(answer: dict[str, Any]) -> str:
    if not answer["all_ok"]:
        raise ValueError(f"{answer['failed']} checks failed, {answer['unknown']} unknown")
    return f"{answer['ok']} checks ok, 0 failed, 0 unknown"


def _unchanged(answer: dict[str, Any]) -> str:
    changes = sum(len(steps) for steps in answer["hosts"].values())
    if answer["changed"]:
        raise ValueError(f"{changes} changes on hosts, {len(answer['zones'])} zones written")
    return f"{changes} changes on hosts, {len(answer['zones'])} in DNS"


PHASES = (
    Phase("lab up", ("lab", "up"), _hosts),
    Phase("apply", ("apply", "--yes", "--no-verify"), _applied),
    Phase("a message", ("lab", "mail"), _delivered),
    Phase("verify", ("verify",), _verified),
    Phase("apply again", ("apply", "--yes"), _unchanged),
)


def run(phase: Phase, console: Console) -> Done:
    """Run one phase; its steps are shown while it lasts."""
    argv = [sys.executable, "-m", "postwright", "-i", INVENTORY, "--json", *phase.command]
    start = time.monotonic()
    with (
        console.status(f"{phase.title}: starting") as status,
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
    ):
        if process.stdout is None or process.stderr is None:
            raise AssertionError
        words = []
        for line in process.stderr:
            words.append(line.rstrip())
            status.update(f"{phase.title}: {line.strip(' •').strip()}")
        answer = process.stdout.read()
    seconds = time.monotonic() - start
    try:
        proof, good = phase.proof(json.loads(answer)), process.returncode == 0
    except (ValueError, KeyError) as error:
        proof, good = f"{error}\n" + "\n".join(words[-6:]), False
    console.print(f"[{'green' if good else 'red'}]{'✓' if good else '✗'}[/] {phase.title} ({seconds:.1f} s): {proof}")
    return Done(phase, seconds, proof, good)


def table(done: list[Done]) -> Table:
    """What was proven, and how long each phase took."""
    shown = Table("phase", "command", "proven", title="From an empty Debian host to a message that passes")
    shown.add_column("seconds", justify="right")
    for it in done:
        command = f"postwright {' '.join(it.phase.command)}"
        shown.add_row(it.phase.title, command, it.proof if it.good else f"[red]{it.proof}", f"{it.seconds:.1f}")
    shown.add_section()
    shown.add_row("total", "", "", f"{sum(it.seconds for it in done):.1f}")
    return shown


def main(arguments: list[str]) -> int:
    """Run all phases until one fails; 0 if none did."""
    console = Console()
    if reason := machine.problem():
        console.print(f"lab: {reason}")
        return 1
    name = default_name()
    if _is_up():
        console.print(f"lab {name} is up already; take it down first: postwright lab down")
        return 1
    done: list[Done] = []
    try:
        for phase in PHASES:
            done.append(run(phase, console))
            if not done[-1].good:
                break
    finally:
        if "--keep" in arguments:
            console.print(f"lab {name} is left up; `postwright lab status`, `postwright lab down`")
        else:
            subprocess.run([sys.executable, "-m", "postwright", "lab", "down"], check=False)
    console.print(table(done))
    return 0 if all(it.good for it in done) else 1


def _is_up() -> bool:
    from postwright.lab import network  # noqa: PLC0415 - of the lab's inside, for this one question
    from postwright.lab.layout import Layout  # noqa: PLC0415

    return network.exists(Layout.named(default_name()))


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main(sys.argv[1:]))
