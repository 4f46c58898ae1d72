"""Times commands: hyperfine for time, /usr/bin/time for memory; one run at a time, so that what is compared takes turns.

Promise: a command that fails ends the benchmark with its last words; no figure is made of it.
"""

import json
import shlex
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Taken:
    """Of one run: seconds of wall time, seconds of CPU of it and its children, KiB of its largest process, how it ended, its output."""

    wall: float
    cpu: float
    peak: int
    status: int
    output: str = field(repr=False)


@dataclass(frozen=True)
class Contender:
    """A command that takes its turn. ``before`` runs first, and is not counted; ``sound`` says what is wrong with its output.

    ``statuses``: those it may end with; ``sound`` is asked if it ends with 0.
    """

    name: str
    command: Sequence[str]
    stdin: Path = Path("/dev/null")
    folder: Path = Path()
    before: Callable[[], None] = lambda: None
    sound: Callable[[str], str] = lambda _: ""
    statuses: tuple[int, ...] = (0,)


def taken(it: Contender, environment: Mapping[str, str]) -> Taken:
    """Run it once."""
    it.before()
    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        found, output = _hyperfine(it, environment, place)
        status = found["exit_codes"][0]
        problem = "" if status in it.statuses else f"status {status}"
        if problem := problem or (it.sound(output) if status == 0 else ""):
            raise SystemExit(f"{it.name}: {problem}\n{output[-3000:]}")
        peak = int((place / "peak").read_text().split()[-1])
        return Taken(found["times"][0], found["user"] + found["system"], peak, status, output)


def _hyperfine(it: Contender, environment: Mapping[str, str], place: Path) -> tuple[dict[str, Any], str]:
    """What hyperfine found, and what the command wrote; in ``place`` it and /usr/bin/time leave their notes."""
    line = f"exec /usr/bin/time -f %M -o {place}/peak {shlex.join(it.command)} <{it.stdin} >{place}/out 2>&1"
    argv = ["hyperfine", "--runs=1", "--shell=none", "--style=none", "--ignore-failure", f"--export-json={place}/json"]
    argv.append(shlex.join(["sh", "-c", line]))
    done = subprocess.run(argv, cwd=it.folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{it.name}: {done.stderr}")
    return json.loads((place / "json").read_text())["results"][0], (place / "out").read_text(errors="replace")


def in_turns(contenders: Sequence[Contender], rounds: int, environment: Mapping[str, str]) -> dict[str, list[Taken]]:
    """Every contender once a round, each round beginning with another; name → its runs."""
    found: dict[str, list[Taken]] = {it.name: [] for it in contenders}
    for turn in range(rounds):
        first = turn % len(contenders)
        for it in (*contenders[first:], *contenders[:first]):
            found[it.name].append(taken(it, environment))
            print(f"  {it.name}: {found[it.name][-1].wall:.2f} s", flush=True)
    return found


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, and least and most in brackets."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def ratios(above: Sequence[Taken], below: Sequence[Taken]) -> list[float]:
    """How many times as long the one took as the other in the same round."""
    return [one.wall / other.wall for one, other in zip(above, below, strict=True)]


def row(name: str, runs: Sequence[Taken]) -> str:
    """A line of a table: name, wall, CPU, n."""
    return f"| {name} | {spread([it.wall for it in runs])} | {spread([it.cpu for it in runs])} | {len(runs)} |"


HEAD = ["| | wall, s | CPU here, s | n |", "|---|---|---|---|"]


def target(words: str, values: Sequence[float], most: float, *, least: bool = False) -> str:
    """A line that says what was wanted, what was measured, and whether that is enough. ``least``: more is better."""
    median = statistics.median(values)
    met = median >= most if least else median <= most
    sign = "≥" if least else "≤"
    return f"| {words} | {sign} {most:g} | {spread(values)} | {'met' if met else '**falls short**'} |"


TARGETS = ["| target | wanted | measured | |", "|---|---|---|---|"]
