"""`postwright plan`."""

from __future__ import annotations

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read


@click.command()
@click.option("--adopt", is_flag=True, help="Take over values of others that stand where ours must be the only ones.")
@click.option("--expect-no-changes", is_flag=True, help="Exit 1 if anything would change; for cron.")
@click.pass_obj
@click.pass_context
def plan(ctx: click.Context, options: Options, adopt: bool, expect_no_changes: bool) -> None:
    """Show as a diff what an apply would change.

    On hosts and in DNS, with old values. Changes nothing.

    Of files that are not there yet only the names are shown; -v shows their content too.

    \b
    Examples:
      postwright plan
      postwright plan --expect-no-changes || mail -s 'mail hosts drifted' ops@example.com
    """
    from postwright import apply, material  # noqa: PLC0415 - heavy
    from postwright.cli.plan_text import print_plan  # noqa: PLC0415

    project = read(options)
    material.require_valid(project)
    progress = output.Progress(verbose=bool(options.verbose))
    found = apply.make_plan(project, progress.phase, adopt=adopt)
    progress.done()
    if options.json:
        output.document(found.to_json())
    else:
        print_plan(found, whole=bool(options.verbose))
    if found.dns.conflicts or (expect_no_changes and not found.is_empty):
        ctx.exit(1)
