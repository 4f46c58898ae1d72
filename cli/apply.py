"""`postwright apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read

if TYPE_CHECKING:  # loads pydantic, which would slow down every --help
    from postwright.apply import Landed


@click.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Carry out a plan that is marked unsafe.")
@click.option("--adopt", is_flag=True, help="Take over values of others that stand where ours must be the only ones.")
@click.option(
    "--verify/--no-verify",
    "verify_after",
    default=True,
    help="Run all checks afterwards; --verify is the default; nothing is verified if nothing changed.",
)
@click.pass_obj
@click.pass_context
def apply(ctx: click.Context, options: Options, yes: bool, force: bool, adopt: bool, verify_after: bool) -> None:
    """Bring keys, DNS and hosts to what the inventory says.

    In the order that keeps mail flowing: new DNS first; hosts when every name server shows it; a signed message proven; old DNS last. Then all checks. Run
    it again at any time: it changes nothing, or exactly what is due. If it is cut short, run it again.

    \b
    Examples:
      postwright apply
      postwright apply --yes        from cron or CI
    """
    from postwright import apply as service  # noqa: PLC0415 - heavy
    from postwright import material  # noqa: PLC0415
    from postwright.cli.plan_text import print_plan  # noqa: PLC0415
    from postwright.cli.verify import run_checks  # noqa: PLC0415

    project = read(options)
    material.require_valid(project)
    progress = output.Progress(verbose=bool(options.verbose))
    with service.exclusively(project):
        plan = service.make_plan(project, progress.phase, adopt=adopt)
        progress.done()
        if not options.json:
            print_plan(plan, whole=bool(options.verbose))
        plan.require_safe(force=force)
        if not plan.is_empty and not yes:
            click.confirm("Apply this?", abort=True, err=True)
        landed = service.apply(
            project, plan, progress.phase, lambda host, step: progress.step(f"{host}: {step}"), adopt=adopt, force=force
        )
    progress.done()
    if not options.json:
        _print_landed(landed)
    results = run_checks(project, options, progress) if verify_after and not landed.nothing else None
    if options.json:
        output.document({**landed.to_json(), "verified": results and results.to_json()})
    if results and not results.all_ok:
        ctx.exit(1)


def _print_landed(landed: Landed) -> None:
    for signature in landed.proven:
        click.echo(f"proven: {signature.host} signs {signature.domain} with {signature.selector}")
    steps = output.counted(sum(len(steps) for steps in landed.hosts.values()), "step")
    zones, keys = output.counted(len(landed.zones), "zone"), output.counted(len(landed.keys), "key")
    click.secho(f"changed: {steps} on hosts, {zones} in DNS; {keys} made", fg="green")
