"""`postwright warmup`: how far each address is, and what moves it besides time."""

from __future__ import annotations

import click

from postwright.cli.keys import InOrderOfWork
from postwright.cli.warmup.control import complaints, pause, release, resume, set_stage
from postwright.cli.warmup.forecast import forecast
from postwright.cli.warmup.status import status


@click.group(cls=InOrderOfWork)
def warmup() -> None:
    """See and steer how hosts pace their mail.

    The agent on each host does the daily work by itself; these commands ask it, or tell it what it cannot know. See
    docs/warmup.md.

    \b
    Examples:
      postwright warmup status
      postwright warmup forecast --plan conservative --volume 20000
      postwright warmup pause --provider yahoo --for 2h
    """


for command in (status, forecast, pause, resume, set_stage, release, complaints):
    warmup.add_command(command)
