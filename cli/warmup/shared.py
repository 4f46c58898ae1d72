"""What the commands of `postwright warmup` share: options, and how lines are printed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from postwright.cli.options import duration

if TYPE_CHECKING:
    from postwright.warmup.wording import Line

_STYLES: Mapping[str, Mapping[str, Any]] = {
    "heading": {"bold": True},
    "good": {"fg": "green"},
    "warning": {"fg": "yellow"},
    "bad": {"fg": "red"},
    "faint": {"dim": True},
}
_PIPED = 120  # columns where there is no terminal
_STAGE = re.compile(r"[1-9][0-9]{0,3}")


def period(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """``2h``: a number and s, m, h, d or w; in seconds."""
    return None if value is None else int(duration(value).total_seconds())


def stage(_ctx: click.Context, _param: click.Parameter, value: str) -> int | None:
    """A stage, counted from 1; None for ``warm``."""
    if value != "warm" and not _STAGE.fullmatch(value):
        raise click.BadParameter(f"{value!r:.40} is neither a stage, counted from 1, nor 'warm'")
    return None if value == "warm" else int(value)


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
HOST: Decorator = click.option("--host", metavar="NAME", help="Only this host of the inventory.")
ADDRESS: Decorator = click.option("--address", metavar="IP", help="Only this sending address.")
PROVIDER: Decorator = click.option("--provider", metavar="NAME", help="Only mail to this provider, such as google.")
YES: Decorator = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def width() -> int:
    """Of the terminal; COLUMNS overrides it, and counts where there is none."""
    return shutil.get_terminal_size((_PIPED, 0)).columns


def print_lines(lines: Iterable[Line], *, err: bool = False) -> None:
    """Lines in the colours of what they mean."""
    for line in lines:
        click.secho(line.text, err=err, **_STYLES.get(line.means, {}))
