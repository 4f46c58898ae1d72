"""The file trees that hosts are overlaid on, built once and cached.

Promise: a tree is there whole or not at all: it is built beside its place and moved there by one rename, under a lock.
A tree's name carries a hash of its recipe, so that a changed recipe never meets an old tree.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from postwright.errors import LabError
from postwright.lab import layout
from postwright.lab.command import run
from postwright.lab.locks import locked
from postwright.lab.mirror import sources

Progress = Callable[[str], None]

# The builder dies with us, and with it all it started; its mounts are in a namespace of its own.
_APART = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def base(progress: Progress, release: str = layout.TRIXIE) -> Path:
    """The tree of a bare Debian host of a release, named by its code name."""
    recipe = [_script("base-tree.sh").read_text(), *sources(release)]
    tree = layout.CACHE / f"base-{_digest(recipe)}"
    if not tree.exists():
        progress(f"building the Debian tree that hosts of {release} share (once, about 40 s)")
        _build(tree, lambda folder: _run_script("base-tree.sh", folder, release, *sources(release)))
    return tree


def services(progress: Progress) -> Path:
    """The layer with the programs of the name server and the receiver, on top of the base tree."""
    return _layer("services", "the name server and the receiving mail server", progress)


def installed(progress: Progress) -> Path:
    """The layer with the packages an apply installs, none of them configured."""
    return _layer("installed", "what an apply installs", progress)


def _layer(name: str, what: str, progress: Progress) -> Path:
    below = base(progress)
    layer = layout.CACHE / f"{name}-{_digest([_script('layer.sh').read_text(), below.name])}"
    if not layer.exists():
        progress(f"installing {what} (once, about 20 s)")
        _build(layer, lambda folder: _run_script("layer.sh", below, folder, name), part="upper")
    return layer


def prepare(hosts: Iterable[str], progress: Progress) -> None:
    """Have the trees of these hosts ready."""
    for host in hosts:
        lowers(host, progress)


def lowers(host: str, progress: Progress) -> list[Path]:
    """The trees below a host's own changes, uppermost first."""
    if host in layout.INSTALLED:
        return [installed(progress), base(progress)]
    if host in layout.SENDERS:
        return [base(progress, layout.RELEASES.get(host, layout.TRIXIE))]
    return [services(progress), base(progress)]


def _build(tree: Path, make: Callable[[Path], None], part: str = ".") -> None:
    layout.CACHE.mkdir(parents=True, exist_ok=True)
    with locked("trees"):
        if tree.exists():
            return
        unfinished = tree.with_name(f"{tree.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make(unfinished)
        (unfinished / part).resolve().rename(tree)
        shutil.rmtree(unfinished, ignore_errors=True)


def _run_script(name: str, *arguments: Path | str) -> None:
    with as_file(_script(name)) as script:
        try:
            run(*_APART, "sh", "-eu", script, *arguments)
        except LabError as error:
            raise LabError(f"{error}\nlab: {name} needs the Debian mirror of the machine's own apt sources") from None


def _script(name: str) -> Traversable:
    return files("postwright.lab").joinpath("files", name)


def _digest(recipe: list[str]) -> str:
    return hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:12]
