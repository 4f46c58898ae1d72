"""`postwright undo`."""

from __future__ import annotations

from pathlib import Path

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Carry out a plan that is marked unsafe.")
@click.pass_obj
def undo(options: Options, file: Path | None, yes: bool, force: bool) -> None:
    """Take back what an applied plan did to DNS.

    FILE is an applied plan; without it, the last one. Every apply keeps its plan in .postwright/applied beside the inventory.

    What was there before is written again, through the same checks as any plan: a value that was changed since is a
    conflict, and nothing is written. Hosts are not touched. Change the inventory too, or the next apply does it again.

    \b
    Examples:
      postwright undo
      postwright undo inventories/.postwright/applied/20261122T063000.000000Z.json
    """
    from postwright import apply, artefact  # noqa: PLC0415 - heavy
    from postwright import undo as service  # noqa: PLC0415
    from postwright.cli.plan_text import print_plan  # noqa: PLC0415
    from postwright.plan import FleetPlan  # noqa: PLC0415

    project = read(options)
    progress = output.Progress(verbose=bool(options.verbose))
    with apply.exclusively(project):
        source = file or artefact.last_applied(project.base)
        progress.phase(f"reading DNS, to take back {source}")
        plan = FleetPlan((), service.make_undo(project, source), ())
        progress.done()
        if not options.json:
            print_plan(plan)
        plan.require_safe(force=force)
        if not plan.is_empty and not yes:
            click.confirm("Take this back?", abort=True, err=True)
        zones = service.undo(project, plan.dns, lambda zone: progress.step(f"zone {zone}: written and read back"))
    progress.done()
    if options.json:
        output.document({"zones": list(zones), "changed": bool(zones)})
    else:
        click.secho(f"taken back in {output.counted(len(zones), 'zone')}", fg="green")
