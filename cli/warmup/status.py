"""`postwright warmup status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read
from postwright.cli.warmup.shared import ADDRESS, HOST, PROVIDER, print_lines, width

if TYPE_CHECKING:
    from postwright.inventory import Project
    from postwright.warmup.fleetwide import FleetStatus
    from postwright.warmup.scope import Scope


@click.command()
@HOST
@ADDRESS
@PROVIDER
@click.pass_obj
@click.pass_context
def status(ctx: click.Context, options: Options, host: str | None, address: str | None, provider: str | None) -> None:
    """Show how far each address is with each provider, and what is held.

    What is wrong comes first, then sums, then a line per address and provider: its stage, what it has sent of the budget of
    this hour and today, what is held and for how long, what is under way (out), and what was deferred today. -v shows idle
    ones one by one, and the last decisions with their reasons. Exits 1 if a host could not be asked; the others are shown.

    \b
    Examples:
      postwright warmup status
      postwright warmup status --host mx1 --provider google
      postwright -v warmup status --address 192.0.2.10
    """
    from postwright.warmup import status_text  # noqa: PLC0415 - loads pydantic
    from postwright.warmup.scope import scope  # noqa: PLC0415

    project = read(options)
    found = asked(project, scope(project, host, address, provider))
    if options.json:
        output.document(found.to_json())
    else:
        print_lines(status_text.lines(found, width(), verbose=bool(options.verbose)))
    ctx.exit(1 if found.failed else 0)


def asked(project: Project, meant: Scope) -> FleetStatus:
    """What the agents of these hosts say now."""
    from postwright.warmup import asking, fleetwide  # noqa: PLC0415 - loads pydantic

    progress = output.Progress()
    progress.step(f"asking {output.counted(len(meant.hosts), 'host')}")
    found = asking.ask(project, {name: [{"do": "status"}] for name in meant.hosts})
    progress.done()
    return fleetwide.joined(found.answers, found.failed, meant.chosen)
