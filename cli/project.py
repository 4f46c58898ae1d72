"""Finds and reads the inventory a command works on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from postwright.cli.options import Options
from postwright.errors import UsageError
from postwright.hosts import process

if TYPE_CHECKING:
    from postwright.inventory import Project


def project(options: Options, *, stored: bool = True, connect: bool = False) -> Project:
    """The project of -i, or of the only inventory in ``inventories/``; ``stored`` as ``inventory.project_of`` has it.

    ``connect``: the command will ask its hosts, so go there meanwhile.
    """
    path = options.inventory or _only_inventory()
    process.start()  # it loads what is heavy there, while we do so here
    from postwright.hosts import runner  # noqa: PLC0415 - loaded when needed, so that --help is quick

    return runner.read_project(path, **({} if stored else {"stored": False}), **({"connect": True} if connect else {}))


def _only_inventory() -> Path:
    found = sorted(Path("inventories").glob("*.py"))
    if len(found) == 1:
        return found[0]
    if not found:
        msg = "no inventory: there is none in inventories/; name one with -i, or make a first project with `postwright init`"
    else:
        msg = f"which inventory? there are {', '.join(map(str, found))}; name one with -i or POSTWRIGHT_INVENTORY"
    raise UsageError(msg)
