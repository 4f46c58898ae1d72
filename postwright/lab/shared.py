"""What all labs of a machine share: forwarding, the folder of network namespaces, a cgroup2 mount.

Promise: the first lab notes how it found the machine, the last one leaves it so.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from postwright.lab.command import run
from postwright.lab.layout import RUN
from postwright.lab.locks import locked

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
NAMESPACES = Path("/run/netns")
OWN_CGROUP2 = RUN / ".cgroup2"
_NOTE = RUN / ".machine.json"


def mounts(kind: str | None = None) -> list[Path]:
    """The mount points of this machine, in the order they were made; ``kind`` is a file system type."""
    fields = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return [Path(field[1].replace("\\040", " ")) for field in fields if kind in (None, field[2])]


def prepare() -> None:
    """Note how the machine is, once, and make it fit."""
    RUN.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locked("machine"):
        if not _NOTE.exists():
            _NOTE.write_text(
                json.dumps({"forwarding": FORWARDING.read_text().strip(), "namespaces": NAMESPACES in mounts()}),
            )
        FORWARDING.write_text("1")
        if not mounts("cgroup2"):
            OWN_CGROUP2.mkdir(exist_ok=True)
            run("mount", "-t", "cgroup2", "none", OWN_CGROUP2)


def restore() -> None:
    """Undo ``prepare`` if no lab is left."""
    with locked("machine"):
        if not _NOTE.exists() or any(RUN.glob("lab*")):
            return
        before = json.loads(_NOTE.read_text())
        FORWARDING.write_text(before["forwarding"])
        if OWN_CGROUP2 in mounts():
            run("umount", "--lazy", OWN_CGROUP2)
        with contextlib.suppress(FileNotFoundError):
            OWN_CGROUP2.rmdir()
        if not before["namespaces"] and not any(NAMESPACES.glob("*")):
            run("umount", NAMESPACES, check=False)
        _NOTE.unlink()
