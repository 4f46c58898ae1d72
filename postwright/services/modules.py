"""Packages of ours that hosts run: their modules as files."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from postwright.services.parts import HostFile


def modules(name: str, folder: str) -> Iterator[HostFile]:
    """The modules of ``postwright.<name>`` as they are, in that package's folder below ``folder``; by name."""
    found = (it for it in resources.files(f"postwright.{name}").iterdir() if it.name.endswith(".py"))
    for module in sorted(found, key=lambda it: it.name):
        yield HostFile(f"{folder}/{name}/{module.name}", module.read_bytes())
