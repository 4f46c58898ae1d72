"""What the checks' process is told: the fleet and where the inventory stands, as JSON in a file."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from postwright.inventory import Project
from postwright.model import Fleet

VARIABLE = "POSTWRIGHT_CHECKS"
END = "end\n"  # the last line of the checks' process


class Told(BaseModel):
    """The document."""

    inventory: Path
    fleet: Fleet
    control_path: str

    @property
    def project(self) -> Project:
        return Project(self.fleet, self.inventory)


def told() -> Told:
    """Read it; only inside the checks' process."""
    return Told.model_validate_json(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
