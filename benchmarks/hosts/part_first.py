"""The first apply of an empty host, next to what apt-get takes for the same packages and tar for the same files."""

import io
import subprocess
import sys
import tarfile
import time
from itertools import pairwise
from pathlib import Path

import subject
from operators import Operator, leave
from timing import HEAD, TARGETS, Contender, in_turns, ratios, row, target

from postwright.lab import box

HOST = "mx1"
OURS, BARE = "`postwright apply`, all of it", "apt-get and tar"
APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y"


def measure(folder: Path, _programs: Path, rounds: int) -> str:
    """The results as text."""
    operator = subject.settled(folder, HOST)
    try:
        runs = in_turns([_ours(operator), _bare(operator)], rounds, subject.environment())
        _empty()
        phases = _phases(operator)
    finally:
        leave(operator)
    hosts = sum(seconds for phase, seconds in phases if phase.startswith(STEP.strip()))
    rows = [f"| {phase} | {seconds:.1f} |" for phase, seconds in phases if seconds >= SHOWN]
    lines = ["# First apply of an empty host", "", *HEAD, *(row(name, found) for name, found in runs.items()), ""]
    lines += [*TARGETS, target("times what apt-get and tar take, all of it", ratios(runs[OURS], runs[BARE]), 1.25)]
    bare = [it.wall for it in runs[BARE]]
    lines += [target("the same for its steps on the host alone (one run)", [hosts / it for it in bare], 1.25), ""]
    return "\n".join([*lines, "| where the time of one more apply goes | s |", "|---|---|", *rows, "", *NOTES])


SHOWN = 0.1  # seconds
PHASE, STEP = "• ", f"  {HOST}: "  # how an apply's lines begin


def _empty() -> None:
    box.reset(subject.LAB, HOST)


def _command(operator: Operator, *options: str) -> list[str]:
    return [sys.executable, "-m", "postwright", *options, "-i", str(operator.inventory), "apply", "-y"]


def _ours(operator: Operator) -> Contender:
    return Contender(OURS, _command(operator), folder=operator.folder, before=_empty, sound=_changed)


def _changed(output: str) -> str:
    return "" if "changed: " in output and subject.NOTHING not in output else "it changed nothing"


def _bare(operator: Operator) -> Contender:
    """Over one connection each: install, then unpack all files elsewhere, so that nothing refuses them."""
    found = subject.bundle(operator.inventory, HOST)
    script, files = operator.folder / "bare.sh", operator.folder / "bare.tar"
    with tarfile.open(files, "w") as archive:
        for file in found.files:
            entry = tarfile.TarInfo(f"copied{file.path}")
            entry.size, entry.mode = len(file.content), file.mode
            archive.addfile(entry, io.BytesIO(file.content))
    to = " ".join(subject.ssh(subject.address(HOST)))
    packages = " ".join(found.packages)
    install = f"{APT} update && {APT} install --no-install-recommends {packages}"
    script.write_text(f"set -e\n{to} '{install}'\n{to} tar -x -C /srv <{files}\n{to} dpkg-query -W opendkim\n")
    return Contender(BARE, ["sh", str(script)], folder=operator.folder, before=_empty)


def _phases(operator: Operator) -> list[tuple[str, float]]:
    """Phase, or step on the host, → seconds until the next one, of one apply that says what it does."""
    process = subprocess.Popen(
        _command(operator, "-v"), cwd=operator.folder, env=subject.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    begun = [("start", time.monotonic())]
    for line in process.stderr:
        if line.startswith(PHASE) or (line.startswith(STEP) and begun[-1][0].startswith(("hosts", STEP.strip()))):
            begun += [(line.removeprefix(PHASE).strip(), time.monotonic())]
    if process.wait():
        raise SystemExit(f"the apply ended with status {process.returncode}")
    begun.append(("end", time.monotonic()))
    return [(name, after - before) for (name, before), (_, after) in pairwise(begun)]


NOTES = """
- The host is a container with nothing but SSH and Python, made anew before each run; its packages lie in apt's cache, so
  nothing is fetched over a network. Both run `apt-get update`. apt-get starts what it installs; postwright configures first.
- Key and DNS are there already: the host is new, its domain is not. What an apply does beside the host's steps: it plans,
  has the host sign a message per domain and verifies it, and runs every check of `postwright verify` at its end.
""".splitlines()[1:]
