"""What the checks' process is told by its parent: the fleet, where the inventory stands, and where its hosts are asked.

A JSON document on standard input, which comes when the process has loaded what it needs.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from postwright.inventory import Project
from postwright.model import Fleet

END = "end\n"  # the last line of the checks' process


class Told(BaseModel):
    """The document. ``socket``: where commands are run on hosts (``hosts.serving``). ``only``: text in what is to be checked."""

    inventory: Path
    fleet: Fleet
    socket: str
    only: str

    @property
    def project(self) -> Project:
        return Project(self.fleet, self.inventory)


@cache
def told() -> Told:
    """Read it; only inside the checks' process. EOFError if the parent ended without a word."""
    with os.fdopen(os.dup(0), "rb") as parent:
        document = parent.read()
    if not document:
        raise EOFError
    return Told.model_validate_json(document)
