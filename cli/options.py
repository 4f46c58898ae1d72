"""What the global options said, handed to every command as ``ctx.obj``; and options that several commands share."""

from __future__ import annotations

import re
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


def rolling(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which an operator says which host comes first, and which is to take mail in."""
    for option in (
        click.option(
            "--drain-wait", metavar="TIME", default="10m", show_default=True, callback=_seconds,
            help="How long to wait for the drained host's queue, such as 30s or 2h.",
        ),
        click.option("--undrain", metavar="HOST", help="Let this host take mail in again."),
        click.option("--drain", metavar="HOST", help="This host takes no mail in from now on, and sends what it has. Exits 1 if some is left."),
        click.option("--canary", metavar="HOST", help="This host first; default: the first that changes (see rollout)."),
    ):  # fmt: skip
        command = option(command)
    return command


def _seconds(_ctx: click.Context, _param: click.Parameter, text: str) -> float:
    from postwright import values  # noqa: PLC0415 - loaded when needed, so that --help is quick

    if not re.fullmatch(r"[0-9]{1,5}[smhdw]", text):
        raise click.BadParameter(f"{text!r} is no time; write 30s, 10m or 2h")
    return values.duration(text).total_seconds()
