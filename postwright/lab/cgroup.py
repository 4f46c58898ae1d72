"""A control group for each host.

Hosts started from one group would share the groups of their services: stopping Postfix on one then waits for Postfix
on the other. So each gets its own, which also is the record of which processes are ours.

Promise: ``kill`` ends processes of this host's group and no others.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from postwright.lab.layout import Layout
from postwright.lab.machine import booted_by_systemd
from postwright.lab.shared import OWN_CGROUP2, mounts

_V1_SYSTEMD = Path("/sys/fs/cgroup/systemd")


def group(layout: Layout, host: str) -> Path:
    """The cgroup2 folder of a host; systemd, where it runs the machine, names it after the unit."""
    root = next(iter(mounts("cgroup2")), OWN_CGROUP2)
    name = layout.unit(host)
    return root / "system.slice" / f"{name}.service" if booted_by_systemd() else root / name


def create(layout: Layout, host: str) -> list[Path]:
    """Make the groups a host is to be started in, beside the machine's own."""
    groups = [group(layout, host)]
    if _V1_SYSTEMD.is_dir():
        groups.append(_V1_SYSTEMD / layout.unit(host))
    for folder in groups:
        folder.mkdir(exist_ok=True)
    return groups


def processes(layout: Layout, host: str) -> Iterator[int]:
    """Every process of the host, as the machine numbers them."""
    for folder in _folders(group(layout, host)):
        with contextlib.suppress(OSError):
            yield from (int(pid) for pid in (folder / "cgroup.procs").read_text().split())


def leader(layout: Layout, host: str) -> int | None:
    """PID 1 of the host, as the machine numbers it."""
    return next((pid for pid in processes(layout, host) if _is_first(pid)), None)


def kill(layout: Layout, host: str) -> None:
    """End all at once, without asking."""
    switch = group(layout, host) / "cgroup.kill"
    if switch.exists():
        switch.write_text("1")


def remove(layout: Layout, host: str) -> None:
    """Remove the empty groups."""
    for root in (group(layout, host), _V1_SYSTEMD / layout.unit(host)):
        for folder in reversed(list(_folders(root))):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _folders(root: Path) -> Iterator[Path]:
    """The folder and all below it, parents first; a group that ends while we look is passed over (rglob would raise)."""
    for folder, _, _ in os.walk(root):
        yield Path(folder)


def _is_first(pid: int) -> bool:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return line.split()[2:] == ["1"]
    return False
