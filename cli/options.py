"""What the global options said, handed to every command as ``ctx.obj``; and options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from postwright.errors import UsageError


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


def duration(text: str) -> timedelta:
    """A time as an option has it: a number that is not 0, and s, m, h, d or w. BadParameter if it is none."""
    from postwright import values  # noqa: PLC0415 - loaded when needed, so that --help is quick

    if not re.fullmatch(r"[1-9][0-9]{0,4}[smhdw]", text):
        raise click.BadParameter(f"{text!r:.40} is not a time such as 30m, 2h or 3d")
    return values.duration(text)


def _seconds(_ctx: click.Context, _param: click.Parameter, text: str) -> float:
    return duration(text).total_seconds()


def require_drain(ctx: click.Context) -> None:
    """UsageError for a time to wait where there is nothing to wait for."""
    if ctx.get_parameter_source("drain_wait") is ParameterSource.COMMANDLINE and not ctx.params["drain"]:
        raise UsageError("--drain-wait is of use with --drain only; name the host to drain, or leave it out")
