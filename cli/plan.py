"""`postwright plan`."""

from __future__ import annotations

from pathlib import Path

import click

from postwright.cli import output
from postwright.cli.options import Options, consent
from postwright.cli.project import project as read


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan, for `apply --plan`.")
@consent
@click.option("--expect-no-changes", is_flag=True, help="Exit 1 if anything would change; for cron.")
@click.pass_obj
@click.pass_context
def plan(
    ctx: click.Context, options: Options, out: Path | None, adopt: bool, consolidate: bool, expect_no_changes: bool
) -> None:
    """Show as a diff what an apply would change.

    On hosts and in DNS, with old values. Changes nothing.

    Of files that are not there yet only the names are shown; -v shows their content too.

    \b
    Examples:
      postwright plan
      postwright plan --out plan.json               to be reviewed, then: postwright apply --plan plan.json
      postwright plan --expect-no-changes || mail -s 'mail hosts drifted' ops@example.com
    """
    project = read(options, connect=True)
    from postwright import apply, artefact, material  # noqa: PLC0415 - heavy
    from postwright.cli.plan_text import print_plan  # noqa: PLC0415
    from postwright.terms import Terms  # noqa: PLC0415

    material.require_valid(project)
    progress = output.Progress(verbose=bool(options.verbose))
    found = apply.make_plan(project, progress.phase, Terms(adopt=adopt, consolidate=consolidate))
    progress.done()
    if out:
        artefact.save(out, artefact.SavedPlan(str(project.inventory), artefact.now(), adopt, consolidate, found))
    if options.json:
        output.document(found.to_json())
    else:
        print_plan(found, whole=bool(options.verbose))
        if out:
            click.echo(f"saved; carry out exactly this with: postwright apply --plan {out}")
    if found.unreachable or found.dns.conflicts or (expect_no_changes and not found.is_empty):
        ctx.exit(1)
