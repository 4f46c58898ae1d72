"""Ten, a hundred and a thousand simulated hosts: memory, connections and time, and what one slow or dead host costs."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import crowd
import subject
from crowd import Crowd
from timing import TARGETS, Contender, Taken, spread, taken, target

from postwright.lab import box

SIZES = {10: 2, 100: 2, 1000: 1}  # hosts: runs a round
MIDDLE = 100  # hosts among which one is slow, or dead
SLOW, ODD = 10, 7  # seconds a slow host lets the first look of a session wait; the number of that host
LONGEST, GIVEN_UP = 420, 124  # seconds; a run that takes longer is given up, and timeout(1) says so
CONNECT_TIMEOUT = 10  # seconds; postwright.hosts.adapter has it, which cannot be imported without gevent
EVERY = 0.1  # seconds between two counts of connections


@dataclass(frozen=True)
class Seen:
    """A run with what the hosts saw of it; ``at_once``: the most connections at a time; ``waits``: of the slow host."""

    taken: Taken
    hosts: int
    connections: int
    looks: int
    waits: int
    at_once: int


def measure(folder: Path, _programs: Path, rounds: int) -> str:
    """The results as text."""
    os.environ["POSTWRIGHT_LAB"] = subject.LAB
    os.chdir(folder)
    box.down(subject.LAB)
    try:
        box.up(subject.LAB, [crowd.STANDS_IN, "ns"])
        return _measured(folder, rounds)
    finally:
        box.down(subject.LAB)


def _measured(folder: Path, rounds: int) -> str:
    place = crowd.stand_in()
    runs: dict[int, list[Seen]] = {}
    for size, times in SIZES.items():
        print(f"keys, DNS and answers of {size} hosts", flush=True)
        it = Crowd(folder, size)
        project = crowd.described(it)
        crowd.published(project)
        crowd.tables(project, place)
        runs[size] = [_run(it, place) for _ in range(rounds * times)]
        if size == MIDDLE:
            dead = _run(_without(it), place, 1)
            crowd.slow(place, ODD, SLOW)
            slow = _run(it, place)
    return _report(runs, slow, dead)


def _without(it: Crowd) -> Crowd:
    """The same crowd with a host that nobody answers for."""
    file = it.inventory.with_name("said.json")
    said = json.loads(file.read_text())
    said["hosts"][ODD][1]["ssh_hostname"] = crowd.NOBODY
    file.with_name("dead.json").write_text(json.dumps(said))
    other = it.inventory.with_name("dead.py")
    other.write_text(it.inventory.read_text().replace("said.json", "dead.json"))
    return Crowd(it.folder, it.size, "dead.py")


def _run(it: Crowd, place: Path, *statuses: int) -> Seen:
    """An apply of this crowd; it ends with 0, unless it is given up or ends as ``statuses`` says."""
    crowd.asked(place)
    ours = [sys.executable, "-m", "postwright", "-i", str(it.inventory), "apply", "-y", "--no-verify"]
    name, command = f"{it.size} hosts", ["timeout", str(LONGEST), *ours]
    may = (*(statuses or (0,)), GIVEN_UP)
    with _counting() as counts:
        found = taken(
            Contender(name, command, folder=it.folder, sound=subject.unchanged, statuses=may), subject.environment()
        )
    connections, looks, waits = crowd.asked(place)
    seen = Seen(found, len(looks), connections, sum(looks.values()), waits, max(counts, default=0))
    print(f"  {name}: {found.wall:.1f} s, {connections} connections, {seen.at_once} at once", flush=True)
    return seen


@contextmanager
def _counting() -> Iterator[list[int]]:
    """For the time of the block, how many connections there are, counted again and again."""
    found: list[int] = []
    over = threading.Event()

    def count() -> None:
        while not over.wait(EVERY):
            argv = ["ss", "-Htn", "state", "established", "dst", crowd.NETWORK]
            found.append(len(subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()))

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _report(runs: dict[int, list[Seen]], slow: Seen, dead: Seen) -> str:
    lines = ["# Simulated hosts, nothing to change", "", *HEAD]
    lines += [_line(f"{size}", found) for size, found in runs.items()]
    lines += [_line(f"{MIDDLE}, one of them slow", [slow]), _line(f"{MIDDLE}, one of them dead", [dead]), ""]
    said = dead.taken.output.strip().splitlines()[-2:]
    parts = (*lines, *_further(runs), "", *_targets([it.taken.wall for it in runs[MIDDLE]], slow, dead), "")
    return "\n".join([*parts, "With a dead host it ends so:", "", "```text", *said, "```", "", *NOTES])


def _further(runs: dict[int, list[Seen]]) -> Iterator[str]:
    """What each further host takes, by the difference of two sizes; a run that was given up says nothing of it."""
    yield from ("| a further host | KiB of memory | s of CPU here | s of wall |", "|---|---|---|---|")
    whole = [size for size, found in runs.items() if all(it.taken.status == 0 for it in found)]
    for few, many in pairwise(whole):
        pairs = [(one.taken, _middle(runs[few]).taken) for one in runs[many]]
        memory = spread([(one.peak - other.peak) / (many - few) for one, other in pairs], 0)
        cpu = spread([(one.cpu - other.cpu) / (many - few) for one, other in pairs], 3)
        wall = spread([(one.wall - other.wall) / (many - few) for one, other in pairs], 3)
        yield f"| from {few} to {many} | {memory} | {cpu} | {wall} |"


def _middle(runs: Sequence[Seen]) -> Seen:
    return sorted(runs, key=lambda it: it.taken.wall)[len(runs) // 2]


def _targets(walls: list[float], slow: Seen, dead: Seen) -> Iterator[str]:
    yield from TARGETS
    own = slow.waits * SLOW
    beyond = [slow.taken.wall - own - it for it in walls]
    yield target(f"seconds that a slow host costs beyond its own {own} s ({slow.waits} waits)", beyond, 1)
    yield target("hosts that are looked at although another one is dead", [dead.hosts], MIDDLE - 1, least=True)
    if dead.hosts:
        beyond = [dead.taken.wall - CONNECT_TIMEOUT - it for it in walls]
        yield target(f"seconds that a dead host costs beyond the {CONNECT_TIMEOUT} s of connecting", beyond, 1)


HEAD = [
    "| hosts | wall, s | CPU here, s | peak MB | connections | at once | looks | n |",
    "|---|---|---|---|---|---|---|---|",
]


def _line(name: str, runs: Sequence[Seen]) -> str:
    walls, cpus = spread([it.taken.wall for it in runs], 1), spread([it.taken.cpu for it in runs], 1)
    peaks = spread([it.taken.peak / 1024 for it in runs], 0)
    counts = (max(getattr(it, kind) for it in runs) for kind in ("connections", "at_once", "looks"))
    name += ", **given up**" if any(it.taken.status == GIVEN_UP for it in runs) else ""
    return f"| {name} | {walls} | {cpus} | {peaks} | {' | '.join(map(str, counts))} | {len(runs)} |"


NOTES = f"""
- One real sshd on a host of the lab has all their addresses; a small program answers in their stead what hosts would that
  are as described. Keys, inventories, connections and DNS are real; ten hosts share a domain. It has the same cores, and
  takes about as much of them as it gives: walls of 1,000 hosts are those of 1,000 new SSH connections on both ends.
- A run is given up after {LONGEST} s. Peak: of postwright's largest process. Connections and looks: in all; at once: counted every {EVERY} s.
- Slow: one host lets the first look of each session wait for {SLOW} s. Dead: its address swallows packets. `--no-verify`: nothing answers mail.
""".splitlines()[1:]
