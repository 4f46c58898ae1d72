"""How things are printed: JSON for programs on stdout, text for people; progress for people on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import click

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def document(value: Any) -> None:
    """The one JSON document of a command."""
    click.echo(json.dumps(value, indent=2, default=str))


def counted(count: int, noun: str) -> str:
    """``1 key``, ``2 keys``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def heading(text: str) -> None:
    click.secho(text, bold=True)


def diff_lines(lines: Iterable[str], indent: str = "    ") -> None:
    """Lines of a diff, coloured by their first character."""
    for line in lines:
        click.secho(indent + line, fg=_COLOURS.get(line[:1]))


class Progress:
    """Phases as lines on stderr; on a terminal the current step stands below, elsewhere only ``verbose`` shows steps."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._live = sys.stderr.isatty()
        self._verbose = verbose

    def phase(self, text: str) -> None:
        """A phase of the work begins."""
        self._clear()
        click.secho(f"• {text}", err=True)

    def step(self, text: str) -> None:
        """A step inside it."""
        if self._verbose:
            click.echo(f"  {text}", err=True)
        elif self._live:
            click.echo(f"\r\x1b[2K  {text[:100]}", err=True, nl=False)

    def done(self) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._live:
            click.echo("\r\x1b[2K", err=True, nl=False)
