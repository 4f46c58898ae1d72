"""The operator's own command, run in a project of its own against a lab of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from postwright.lab import box

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Operator:
    """A folder with an inventory, a lab it speaks of, and the command."""

    folder: Path
    lab: str
    host: str = "mx1"

    @property
    def inventory(self) -> Path:
        return self.folder / "inventories/lab.py"

    def argv(self, *arguments):
        return [sys.executable, "-m", "postwright", "-i", str(self.inventory), *arguments]

    @property
    def environment(self):
        return {**os.environ, "POSTWRIGHT_LAB": self.lab}

    def run(self, *arguments, check=True, stdin=""):
        """Run postwright to its end."""
        done = subprocess.run(
            self.argv(*arguments),
            cwd=self.folder, env=self.environment, input=stdin, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert not check or done.returncode == 0, (
            f"{arguments}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr}"
        )
        return done

    def json(self, *arguments, check=True):
        return json.loads(self.run("--json", *arguments, check=check).stdout)

    def start(self, *arguments):
        """Start postwright as the leader of a process group, its progress readable line by line."""
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def on_host(self, command, check=True):
        return box.run(self.lab, self.host, command, check=check)

    def changed(self, name, code):
        """Another project on the same lab, its inventory followed by ``code``, which sees ``fleet`` and ``host``."""
        other = project(self.folder.parent / name, self.lab, self.host)
        with other.inventory.open("a") as file:
            file.write(f'fleet, host = mail[1]["mail_fleet"], mail_hosts[0][1]\n{code}\n')
        return other


def project(folder, lab, host="mx1"):
    """A project whose inventory is the shipped one for the lab, about another of its hosts if need be."""
    (folder / "inventories").mkdir(parents=True, exist_ok=True)
    text = (REPOSITORY / "inventories/lab.py").read_text()
    text = re.sub(r'"mx1"', f'"{host}"', text).replace("mx1.shop.test", f"{host}.shop.test")
    (folder / "inventories/lab.py").write_text(text)
    return Operator(folder, lab, host)


def lab_operator(folder, lab, host="mx1"):
    """A project on a fresh lab with this host; take it down with ``leave``."""
    made = project(folder / "project", lab, host)
    box.down(lab)
    made.run("lab", "up", "--host", host, "--host", "receiver", "--host", "ns")
    return made


def leave(operator):
    box.down(operator.lab)
    shutil.rmtree(operator.folder, ignore_errors=True)


def kill(process):
    """SIGKILL to the command and all its children, at once."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
