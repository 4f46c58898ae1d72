"""What the global options said, handed to every command as ``ctx.obj``; and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click


@dataclass(frozen=True)
class Options:
    """``inventory`` is None where -i was not given; ``verbose`` counts -v."""

    inventory: Path | None = None
    json: bool = False
    verbose: int = 0


def consent(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which an operator lets values of others be changed."""
    for option in (
        click.option("--consolidate", is_flag=True, help="Join several SPF records of a name into one."),
        click.option(
            "--adopt",
            is_flag=True,
            help="Take over what others have put where ours must be the only one: values in DNS, configuration of hosts.",
        ),
    ):
        command = option(command)
    return command
