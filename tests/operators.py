"""The operator's own command, run in a project of its own against a lab of its own; and what can befall its hosts."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from postwright.lab import box

REPOSITORY = Path(__file__).parents[1]
KILLING = Path(__file__).with_name("killing.py")

# A host beyond the first: a copy of its entry, with its own addresses and certificate.
_ANOTHER = """
import copy as _copy

for _name in {others}:
    _at, _twin = _lab.hosts[_name], _copy.deepcopy(mail_hosts[0][1])
    _twin["ssh_hostname"] = _at.ipv4
    _twin["mail_host"]["addresses"] = [(_ip, f"{{_name}}.shop.test") for _ip in (_at.ipv4, _at.ipv6)]
    _twin["mail_host"]["tls"] = {{
        "certificate": str(_lab.tls[_name].certificate), "key": str(_lab.tls[_name].key)
    }}
    mail_hosts.append((_name, _twin))
    mail[0].append(_name)
"""
_had = {}  # lab → the lock by which this process has it
_BROKEN_RELOAD = "/run/systemd/system/opendkim.service.d/broken-reload.conf"


@dataclass(frozen=True)
class Ended:
    """How a run under ``killing.py`` ended; ``crossings`` are the lines of its report, the last one where it was killed."""

    killed: bool
    crossings: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Operator:
    """A folder with an inventory, a lab it speaks of, and the command. ``host`` is the first host of the inventory."""

    folder: Path
    lab: str
    host: str = "mx1"
    others: tuple[str, ...] = ()

    @property
    def hosts(self):
        return (self.host, *self.others)

    @property
    def inventory(self) -> Path:
        return self.folder / "inventories/lab.py"

    def argv(self, *arguments):
        return [sys.executable, "-m", "postwright", *self.arguments(*arguments)]

    def arguments(self, *arguments):
        return ["-i", str(self.inventory), *arguments]

    @property
    def environment(self):
        return {**os.environ, "POSTWRIGHT_LAB": self.lab}

    def at(self, clock):
        """The environment of a run that takes it to be ``clock`` seconds later than it is."""
        return self.environment | ({} if clock is None else {"POSTWRIGHT_LAB_CLOCK": str(clock)})

    def run(self, *arguments, check=True, stdin="", clock=None):
        """Run postwright to its end."""
        done = subprocess.run(
            self.argv(*arguments),
            cwd=self.folder, env=self.at(clock), input=stdin, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert not check or done.returncode == 0, (
            f"{arguments}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr}"
        )
        return done

    def json(self, *arguments, check=True, clock=None):
        return json.loads(self.run("--json", *arguments, check=check, clock=clock).stdout)

    def start(self, *arguments, clock=None):
        """Start postwright as the leader of a process group, its progress readable line by line.

        It heeds SIGINT even if we do not: a shell makes what it starts in the background, and all its children, deaf to it.
        """
        return subprocess.Popen(
            ["env", "--default-signal=INT", *self.argv(*arguments)],
            cwd=self.folder, env=self.at(clock), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def killed_at(self, number, *arguments, clock=None, seconds_to_be_seen=None):
        """Run postwright and kill it at this crossing (see ``killing.py``); 0 kills nothing and counts them all.

        With ``seconds_to_be_seen`` it waits no longer than that for name servers to show what was published.
        """
        return self._ended(self._watched(["--at", number], arguments, clock, seconds_to_be_seen))

    @contextmanager
    def paused_at(self, number, *arguments, clock=None, seconds_to_be_seen=None):
        """Run postwright and stand still at this crossing for the time of the block; it then runs on to its end.

        Gives a list, which afterwards holds how it ended.
        """
        process = self._watched(["--pause", "--at", number], arguments, clock, seconds_to_be_seen)
        ended = []
        try:
            found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            assert found.si_code == os.CLD_STOPPED, f"it ended before crossing {number}: {self._ended(process)}"
            yield ended
            os.killpg(process.pid, signal.SIGCONT)
            ended.append(self._ended(process))
        finally:
            if process.returncode is None:
                kill(process)

    def _watched(self, how, arguments, clock, seconds_to_be_seen):
        """Start postwright under ``killing.py``."""
        self._crossings.unlink(missing_ok=True)
        shorter = [] if seconds_to_be_seen is None else ["--seconds-to-be-seen", seconds_to_be_seen]
        options = [*how, "--report", self._crossings, *shorter, "--", *self.arguments(*arguments)]
        return subprocess.Popen(
            [sys.executable, str(KILLING), *map(str, options)],
            cwd=self.folder, env=self.at(clock), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip

    def _ended(self, process):
        stdout, stderr = process.communicate(timeout=300)
        lines = tuple(self._crossings.read_text().splitlines()) if self._crossings.exists() else ()
        return Ended(process.returncode == -signal.SIGKILL, lines, process.returncode, stdout, stderr)

    @property
    def _crossings(self):
        return self.folder / "crossings"

    def on_host(self, command, check=True, host=None):
        return box.run(self.lab, host or self.host, command, check=check)

    def changed(self, name, code):
        """Another project on the same lab, its inventory followed by ``code``, which sees ``fleet`` and ``host``."""
        other = project(self.folder.parent / name, self.lab, *self.hosts)
        with other.inventory.open("a") as file:
            file.write(f'fleet, host = mail[1]["mail_fleet"], mail_hosts[0][1]\n{code}\n')
        return other

    def break_reload(self, host=None):
        """From now on ``systemctl reload opendkim`` fails, and the signer runs on with what it had."""
        text = "[Service]\nExecReload=\nExecReload=/bin/false\n"
        self.on_host(
            f"mkdir -p {Path(_BROKEN_RELOAD).parent} && printf '%s' '{text}' >{_BROKEN_RELOAD} && systemctl daemon-reload",
            host=host,
        )

    def mend_reload(self, host=None):
        self.on_host(
            f"rm -f {_BROKEN_RELOAD}; rmdir --ignore-fail-on-non-empty {Path(_BROKEN_RELOAD).parent}; systemctl daemon-reload",
            host=host,
        )

    def cut_power(self, host=None):
        """The host is gone at once; what it had on disk stays."""
        box.stop_host(self.lab, host or self.host, cut_power=True)

    def boot(self, host=None):
        """Start a host that was cut off or shut down."""
        box.start_host(self.lab, host or self.host)


def project(folder, lab, host="mx1", *others):
    """A project whose inventory is the shipped one for the lab, about another of its hosts, or several, if need be."""
    (folder / "inventories").mkdir(parents=True, exist_ok=True)
    text = (REPOSITORY / "inventories/lab.py").read_text()
    text = re.sub(r'"mx1"', f'"{host}"', text).replace("mx1.shop.test", f"{host}.shop.test")
    text += _ANOTHER.format(others=list(others)) if others else ""
    (folder / "inventories/lab.py").write_text(text)
    return Operator(folder, lab, host, others)


def lab_operator(folder, lab, host="mx1", *others):
    """A project on a fresh lab with this host, or these; take it down with ``leave``."""
    made = project(folder / "project", lab, host, *others)
    _have(lab)
    box.down(lab)
    wanted = [argument for name in (*made.hosts, "receiver", "ns") for argument in ("--host", name)]
    made.run("lab", "up", *wanted)
    return made


def _have(lab):
    """Wait until no other test module has this lab: several name the same one, and run side by side."""
    if lab not in _had:
        file = (Path(tempfile.gettempdir()) / f"postwright-tests-{lab}.lock").open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        _had[lab] = file


def leave(operator):
    box.down(operator.lab)
    shutil.rmtree(operator.folder, ignore_errors=True)
    if file := _had.pop(operator.lab, None):
        file.close()


def kill(process):
    """SIGKILL to the command and all its children, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
