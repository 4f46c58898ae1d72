"""`postwright warmup forecast`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read
from postwright.cli.warmup.shared import PROVIDER, print_lines, width
from postwright.cli.warmup.status import asked as ask
from postwright.errors import UsageError

if TYPE_CHECKING:
    from postwright.inventory import Project
    from postwright.warmup.outlook import Asked


@click.command()
@click.option("--plan", metavar="NAME", help="This plan, built in or of the inventory, whoever follows it.")
@click.option("--address", metavar="IP", help="The plan of this address.  [default: those of all addresses]")
@PROVIDER
@click.option("--volume", type=click.IntRange(min=1), metavar="N", help="When do so many messages a day fit?")
@click.option("--backlog", type=click.IntRange(min=1), metavar="N", help="How long do so many messages wait?")
@click.option(
    "--days", type=click.IntRange(1, 3660), metavar="N", help="So many sending days.  [default: until nothing changes]"
)
@click.option("--live", is_flag=True, help="Ask hosts for stages and held mail, and begin there.")
@click.pass_obj
@click.pass_context
def forecast(
    ctx: click.Context,
    options: Options,
    plan: str | None,
    address: str | None,
    provider: str | None,
    volume: int | None,
    backlog: int | None,
    days: int | None,
    live: bool,
) -> None:
    """Show where a plan leads, day by day, and when a volume is reached.

    Numbers are of one address with one provider. Dates count from the plan's start and take every day for a full sending
    day. Connects to nothing, unless --live; a plan that is built in (conservative, hourly, staged) needs no inventory. With
    --volume a backlog is worked off while so many arrive each day. Exits 1 if --live and a host could not be asked.

    \b
    Examples:
      postwright warmup forecast --plan conservative --volume 20000
      postwright warmup forecast --address 192.0.2.10 --backlog 5000
      postwright warmup forecast --live
    """
    if plan and address:
        raise UsageError("--plan or --address, not both: an address has a plan")
    if live and (plan or backlog or days):
        raise UsageError("--live takes stages and held mail from hosts; leave --plan, --backlog and --days out")
    if live:
        ctx.exit(_tell_live(options, address, provider, volume))
    from postwright.warmup.outlook import Asked  # noqa: PLC0415 - loads pydantic

    _tell(options, plan, address, provider, Asked(volume, backlog, days))


def _tell(options: Options, plan: str | None, address: str | None, provider: str | None, asked: Asked) -> None:
    from postwright import clock  # noqa: PLC0415 - loads pydantic
    from postwright.warmup import outlook, outlook_text  # noqa: PLC0415

    project, today = _needed(options, plan), clock.now().date()
    subjects = outlook.subjects(project, plan, address)
    grouped = [(it, outlook.groups(it.plan, project, provider)) for it in subjects]
    if options.json:
        output.document([outlook.to_json(it, groups, asked, today) for it, groups in grouped])
        return
    for position, (it, groups) in enumerate(grouped):
        click.echo("\n" * min(position, 1), nl=False)
        print_lines(outlook_text.lines(it, groups, asked, today, width()))


def _needed(options: Options, plan: str | None) -> Project | None:
    """The project, unless a built-in plan was named and no inventory."""
    from postwright.pacing.plans import BUILT_IN  # noqa: PLC0415 - loaded when needed, so that --help is quick

    if plan in BUILT_IN and options.inventory is None:
        return None
    try:
        return read(options)
    except UsageError as error:
        if plan is not None and plan not in BUILT_IN:
            error.add_note(f"plan {plan!r} would have to stand there; built in are {', '.join(sorted(BUILT_IN))}")
        raise


def _tell_live(options: Options, address: str | None, provider: str | None, volume: int | None) -> int:
    """The exit status."""
    from postwright.warmup import scope, waiting  # noqa: PLC0415 - loads pydantic

    project = read(options)
    status = ask(project, scope.scope(project, None, address, provider))
    found = waiting.waiting(project, status, volume)
    if options.json:
        output.document({"lanes": [each.to_json() for _, each in found], "failed": dict(status.failed)})
    else:
        print_lines(status.unreachable())
        print_lines(waiting.lines(found, volume, width()) if status.hosts else ())
    return 1 if status.failed else 0
