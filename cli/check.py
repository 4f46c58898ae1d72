"""`postwright check`."""

from __future__ import annotations

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read


@click.command()
@click.pass_obj
def check(options: Options) -> None:
    """Validate the inventory and the files it names; connect to nothing.

    All problems are listed at once, each with its place and what to do.

    \b
    Example:
      postwright -i inventories/production.py check
    """
    from postwright import material  # noqa: PLC0415 - cryptography is heavy

    project = read(options)
    material.require_valid(project)
    fleet = project.fleet
    counts = {"hosts": len(fleet.hosts), "domains": len(fleet.domains), "zones": len(fleet.zones)}
    notes = material.notes(project)
    if options.json:
        output.document({"inventory": str(project.inventory), "valid": True, **counts, "notes": notes})
        return
    said = ", ".join(f"{count} {name if count != 1 else name[:-1]}" for name, count in counts.items())
    click.secho(f"{project.inventory}: valid; {said}", fg="green")
    for note in notes:
        click.secho(f"note: {note}", fg="yellow")
