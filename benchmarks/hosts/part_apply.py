"""One host that is as described: an apply that changes nothing, next to Ansible and to the physical bound, near and far.

The bound is one ``ssh HOST python3 -`` with postwright's own look at everything an apply asks about: no tool that looks
before it says that nothing is to be done can do with less than a connection and this.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import playbook
import subject
from distance import at_a_distance
from operators import Operator, leave
from timing import HEAD, TARGETS, Contender, Taken, in_turns, ratios, row, target

from postwright.lab import state
from postwright.lab.layout import Layout

HOST = "mx3"
FAR = 20  # milliseconds of round trip
OURS, ANSIBLE, FORTY = "`postwright apply`", "ansible-core, this host's tasks", "ansible-core, 40 typical tasks"
COLD, WARM = "bound, new connection", "bound, open connection"
Runs = dict[str, list[Taken]]


def measure(folder: Path, programs: Path, rounds: int) -> str:
    """Both distances; the results as text."""
    operator = subject.settled(folder, HOST)
    try:
        near = _near(operator, programs, rounds)
        far = _far(operator, programs, rounds)
    finally:
        leave(operator)
    parts = (
        *_section("# One host, nothing to change", near, 1.0),
        *_section(f"# The same, {FAR} ms of round trip", far, 1.3),
    )
    return "\n".join([*parts, *NOTES])


def _near(operator: Operator, programs: Path, rounds: int) -> Runs:
    folder = playbook.written(operator, operator.folder.parent / "near")
    forty = playbook.contender(FORTY, programs, folder, "forty.yml")
    _converged(forty)
    with _bounds(operator, subject.address(HOST)) as bounds:
        others = [*bounds, playbook.contender(ANSIBLE, programs, folder), forty]
        return in_turns([_ours(operator.inventory), *others], rounds, subject.environment())


def _far(operator: Operator, programs: Path, rounds: int) -> Runs:
    layout = Layout.named(operator.lab)
    near, far = (f"10.79.{layout.number}.{last}" for last in (1, 2))
    folder = playbook.written(operator, operator.folder.parent / "far", {HOST: far})
    with at_a_distance(layout.unit(HOST), near, far, FAR), _bounds(operator, far) as bounds:
        others = [*bounds, playbook.contender(ANSIBLE, programs, folder)]
        return in_turns([_ours(_inventory(operator, far)), *others], rounds, subject.environment())


def _inventory(operator: Operator, address: str) -> Path:
    """The same host, reached by another address."""
    known, file = operator.folder / "known_hosts", operator.inventory.with_name("far.py")
    had = state.load(operator.lab).known_hosts.read_text()
    known.write_text("".join(line.replace(f"{HOST},", f"{HOST},{address},", 1) + "\n" for line in had.splitlines()))
    said = {"ssh_hostname": address, "ssh_known_hosts_file": str(known)}
    file.write_text(f"{operator.inventory.read_text()}\nmail_hosts[0][1].update({said!r})\n")
    return file


def _ours(inventory: Path) -> Contender:
    command = [sys.executable, "-m", "postwright", "-i", str(inventory), "apply", "-y"]
    return Contender(OURS, command, folder=inventory.parents[1], sound=subject.unchanged)


def _converged(it: Contender) -> None:
    """Have the playbook's work done, so that what is measured changes nothing."""
    done = subprocess.run(
        it.command, cwd=it.folder, env=subject.environment(), check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{it.name}: {done.stdout[-2000:]}{done.stderr}")


@contextmanager
def _bounds(operator: Operator, address: str) -> Iterator[list[Contender]]:
    """Cold and warm; the open connection lasts for the block."""
    look = operator.folder / "look"
    look.write_text(subject.look_script(operator.inventory, HOST))
    path = f"ControlPath={operator.folder}/s-{address}"
    cold = subject.ssh(address, "-o", f"HostKeyAlias={HOST}")
    master = [*cold[:-1], "-o", path, cold[-1]]
    subprocess.run([*master[:1], "-fN", "-o", "ControlMaster=yes", *master[1:]], check=True, stderr=subprocess.DEVNULL)
    try:
        yield [
            Contender(COLD, [*cold, "python3 -"], stdin=look, sound=subject.looked),
            Contender(WARM, [*master, "python3 -"], stdin=look, sound=subject.looked),
        ]
    finally:
        subprocess.run([*master, "-O", "exit"], check=False, stderr=subprocess.DEVNULL)


def _section(title: str, runs: Runs, most: float) -> Iterator[str]:
    ours = runs[OURS]
    yield from (title, "", *HEAD, *(row(name, found) for name, found in runs.items()), "", *TARGETS)
    yield target("seconds of `postwright apply`", [it.wall for it in ours], most)
    yield target("times the bound with a new connection", ratios(ours, runs[COLD]), 3)
    yield target("times as fast as ansible-core, this host's tasks", ratios(runs[ANSIBLE], ours), 20, least=True)
    if FORTY in runs:
        yield target("times as fast as ansible-core, 40 typical tasks", ratios(runs[FORTY], ours), 20, least=True)
    yield ""


NOTES = """
- All take turns in one run; a ratio is that of runs of the same round. The host is a container on the same machine.
- The bound: one `ssh HOST python3 -` with postwright's own `remote/look.py` and one request for all that an apply asks.
- ansible-core: no fact gathering, pipelining, connections kept for 60 s (so it mostly begins with an open one), the
  playbook of `benchmarks/ansible/`. It does less: it has no stamps, no keys and no DNS, makes no check of the whole and
  takes no lock. postwright also reads the keyring, plans three zones and looks at ports and foreign configuration.
- 40 typical tasks: 3 packages, 2 groups, 3 users, 3 directories, 15 templates, 8 lines, 4 services, a link, a reload.
- The round trip is made by a process between two tun links, in user space; the name server stays near.
""".splitlines()[1:]
