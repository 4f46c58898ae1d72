"""What the global options said, handed to every command as ``ctx.obj``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """``inventory`` is None where -i was not given; ``verbose`` counts -v."""

    inventory: Path | None = None
    json: bool = False
    verbose: int = 0
