"""Builds, changes and removes a lab.

Promise: ``up`` on a running lab changes nothing; ``down`` removes everything after an ``up`` that was killed at any
point, from any directory, any number of times. One command at a time works on one lab.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from postwright.errors import LabError
from postwright.lab import cgroup, guest, machine, network, seeds, shared, state, trees, vault
from postwright.lab import command as here
from postwright.lab.layout import DEFAULT_HOSTS, HOSTS, Layout, known
from postwright.lab.locks import lab_locked
from postwright.lab.outside import unreachable
from postwright.lab.shared import mounts
from postwright.lab.state import Lab
from postwright.lab.trees import Progress


@dataclass(frozen=True)
class HostStatus:
    """``running``: its systemd is there; a host that was stopped keeps its files."""

    name: str
    running: bool
    ipv4: str
    ipv6: str


@dataclass(frozen=True)
class Status:
    """``complete`` is False for a lab whose ``up`` was cut off: ``up`` or ``down`` mends it."""

    name: str
    complete: bool
    hosts: tuple[HostStatus, ...]


def silent(_line: str) -> None:
    """Progress that nobody wants to see."""


def up(name: str | None = None, hosts: Iterable[str] = DEFAULT_HOSTS, progress: Progress = silent) -> Lab:
    """Make the lab run with at least these hosts; what runs already is left alone."""
    machine.require()
    layout, wanted = Layout.named(name), [known(host) for host in hosts]
    with lab_locked(layout.name):
        try:
            if not _complete(layout):
                _remove(layout)
                _found(layout)
            _boot_missing(layout, wanted, progress)
        except BaseException:
            if not _complete(layout):
                _remove(layout)
            raise
        (layout.directory / "complete").touch()
        return state.publish(layout, _built(layout))


def down(name: str | None = None) -> None:
    """Remove the lab and all it left."""
    machine.require()
    layout = Layout.named(name)
    with lab_locked(layout.name):
        _remove(layout)


def status(name: str | None = None) -> Status:
    """What there is of the lab."""
    machine.require()
    layout = Layout.named(name)
    return Status(layout.name, _complete(layout), tuple(_host_status(layout, host) for host in _built(layout)))


def reset(name: str | None, host: str) -> None:
    """Give the host a fresh tree and network; its addresses and its ssh host key stay as they were."""
    layout = _with_host(name, host)
    with lab_locked(layout.name):
        _create(layout, host, silent)


def stop_host(name: str | None, host: str, *, cut_power: bool = False) -> None:
    """Shut the host down, or cut its power; what it wrote stays."""
    layout = _with_host(name, host)
    with lab_locked(layout.name):
        if cut_power:
            guest.cut_power(layout, host)
        else:
            guest.power_off(layout, host)
        guest.unplug(layout, host)


def start_host(name: str | None, host: str) -> None:
    """Boot a host that was stopped: its files are as it left them, rules and settings of its kernel are gone."""
    layout = _with_host(name, host)
    with lab_locked(layout.name):
        if not cgroup.leader(layout, host):
            _boot(layout, host)


def run(
    name: str | None,
    host: str,
    command: Sequence[str] | str,
    *,
    check: bool = True,
    input: str | None = None,  # noqa: A002 - as subprocess.run calls it
) -> subprocess.CompletedProcess[str]:
    """Run a program, or a bash script given as one text, on the host as root, and wait for it.

    It runs with all capabilities of the machine's root, which a login by ssh does not have.
    """
    return guest.run(_with_host(name, host), host, command, check=check, stdin=input)


def shell(name: str | None, host: str, command: Sequence[str] = ()) -> NoReturn:
    """Become a program on the host, or a login shell there."""
    entry = guest.entry(_with_host(name, host), host)
    terminal = f"TERM={os.environ.get('TERM', 'dumb')}"
    os.execvp(entry[0], [*entry, "env", terminal, *(command or ("bash", "-l"))])  # noqa: S606 - no shell line


def _with_host(name: str | None, host: str) -> Layout:
    """The lab, if it is up and has this host."""
    machine.require()
    layout = Layout.named(name)
    if not _complete(layout):
        raise LabError(f"lab {layout.name}: the lab is not up: run `postwright lab up`")
    if not guest.exists(layout, known(host)):
        raise LabError(f"lab {layout.name}: it has no {host}: run `postwright lab up --host {host}`")
    return layout


def _complete(layout: Layout) -> bool:
    return (layout.directory / "complete").exists() and network.exists(layout)


def _built(layout: Layout) -> list[str]:
    return [host for host in HOSTS if guest.exists(layout, host)]


def _host_status(layout: Layout, host: str) -> HostStatus:
    return HostStatus(host, cgroup.leader(layout, host) is not None, *layout.addresses(host))


def _found(layout: Layout) -> None:
    """The lab without hosts: its registry, secrets and network."""
    layout.directory.mkdir(parents=True, mode=0o700)
    shared.prepare()
    here.run("mount", "-t", "tmpfs", "-o", "mode=0700,size=75%", f"postwright-{layout.name}", layout.directory)
    vault.fill(layout)
    network.create(layout)


def _boot_missing(layout: Layout, wanted: list[str], progress: Progress) -> None:
    missing = [host for host in wanted if not cgroup.leader(layout, host)]
    if not missing:
        return
    trees.prepare(missing, progress)
    progress(f"booting {', '.join(missing)}")
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(lambda host: _create_or_boot(layout, host, progress), missing):
            pass
    if "ns" in missing and (reason := unreachable(layout)):
        progress(f"note: {reason}")


def _create_or_boot(layout: Layout, host: str, progress: Progress) -> None:
    if guest.exists(layout, host) and _seeded(layout, host).exists():
        _boot(layout, host)
    else:
        _create(layout, host, progress)


def _create(layout: Layout, host: str, progress: Progress) -> None:
    """A new host in place of what may be there."""
    guest.destroy(layout, host)
    seeds.seed(layout, host, guest.build(layout, host, trees.lowers(host, progress)))
    _seeded(layout, host).touch()
    _boot(layout, host)


def _seeded(layout: Layout, host: str) -> Path:
    return guest.folder(layout, host) / "seeded"


def _boot(layout: Layout, host: str) -> None:
    guest.unplug(layout, host)
    network.attach(layout, host)
    guest.boot(layout, host)


def _remove(layout: Layout) -> None:
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(lambda host: guest.destroy(layout, host), HOSTS):
            pass
    network.remove(layout)
    state.withdraw(layout)
    while layout.directory in mounts():
        if here.run("umount", layout.directory, check=False).returncode:
            here.run("umount", "--lazy", layout.directory)
    shutil.rmtree(layout.directory, ignore_errors=True)
    shared.restore()
