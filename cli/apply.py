"""`postwright apply`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from postwright.cli import output
from postwright.cli.options import Options, consent, require_drain, rolling
from postwright.cli.project import project as read
from postwright.errors import UsageError

if TYPE_CHECKING:  # loads pydantic, which would slow down every --help
    from postwright.apply import Landed
    from postwright.artefact import SavedPlan
    from postwright.checks.run import Results
    from postwright.draining import Queue
    from postwright.inventory import Project
    from postwright.plan import FleetPlan
    from postwright.terms import Terms


@click.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Carry out a plan that is marked unsafe.")
@click.option(
    "--plan",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Carry out this saved plan and nothing else, without asking; refuse if the world has moved since.",
)
@consent
@rolling
@click.option("--settle", is_flag=True, help="Before hosts are touched, wait until no cache holds an earlier answer.")
@click.option(
    "--verify/--no-verify",
    "verify_after",
    default=True,
    help="Run all checks afterwards; --verify is the default; nothing is verified if nothing changed.",
)
@click.pass_obj
@click.pass_context
def apply(
    ctx: click.Context,
    options: Options,
    yes: bool,
    force: bool,
    file: Path | None,
    adopt: bool,
    consolidate: bool,
    settle: bool,
    verify_after: bool,
    canary: str | None,
    drain: str | None,
    undrain: str | None,
    drain_wait: float,
) -> None:
    """Bring keys, DNS and hosts to what the inventory says.

    In the order that keeps mail flowing: new DNS first; hosts when every name server shows it; a signed message proven; old DNS
    last. Then all checks. Run it again at any time: it changes nothing, or exactly what is due. If it is cut short, run it again.

    Of several hosts one comes first; when a signed message has proven it, the others follow in batches. A
    failure stops it, and says which hosts have the new state.

    \b
    Examples:
      postwright apply
      postwright apply --plan plan.json        what `plan --out plan.json` saved
      postwright apply --yes                   from cron or CI
      postwright apply --drain mx2             before maintenance; later: apply --undrain mx2
    """
    require_drain(ctx)
    project = read(options, connect=True)
    from postwright import material  # noqa: PLC0415 - heavy
    from postwright.terms import Terms  # noqa: PLC0415

    material.require_valid(project)
    saved = _saved(file, adopt or consolidate)
    terms = Terms(
        saved.adopt if saved else adopt,
        saved.consolidate if saved else consolidate,
        force=force,
        settle=settle,
        canary=canary,
        drain=drain,
        undrain=undrain,
    )
    _require_sound(terms, saved)
    run = Run(options, project, ask=not yes and not saved, verify=verify_after)
    landed = run.apply(terms, saved)
    left = run.emptied(drain, drain_wait) if drain else None
    if options.json:
        queued = {"drained": left.to_json()} if left else {}
        output.document({**landed.to_json(), **queued, "verified": run.verified and run.verified.to_json()})
    if (run.verified and not run.verified.all_ok) or (left and not left.empty):
        ctx.exit(1)


@dataclass
class Run:
    """One or more applies by one command: what it may ask, and what the checks said after the last that changed anything."""

    options: Options
    project: Project
    ask: bool
    verify: bool
    verified: Results | None = None

    def apply(self, terms: Terms, saved: SavedPlan | None = None) -> Landed:
        """Plan, agree, apply, tell, verify."""
        from postwright import apply as service  # noqa: PLC0415 - heavy

        progress = output.Progress(verbose=bool(self.options.verbose))
        with service.exclusively(self.project):
            plan = _agreed(self.options, self.project, progress, terms, saved, ask=self.ask)
            landed = service.apply(
                self.project, plan, progress.phase, lambda host, step: progress.step(f"{host}: {step}"), terms
            )
        progress.done()
        if not self.options.json:
            _print_landed(landed)
        if self.verify and not landed.nothing:
            self.check()
        return landed

    def emptied(self, host: str, seconds: float) -> Queue:
        """Wait until a drained host has sent its mail; says what is left of it."""
        from postwright import draining  # noqa: PLC0415 - heavy

        progress = output.Progress(verbose=bool(self.options.verbose))
        left = draining.emptied(self.project, host, seconds, progress.phase)
        progress.done()
        if not self.options.json:
            click.secho(str(left), fg="green" if left.empty else "red")
        return left

    def check(self) -> None:
        """Run all checks."""
        from postwright.cli.verify import run_checks  # noqa: PLC0415 - heavy

        progress = output.Progress(verbose=bool(self.options.verbose))
        self.verified = run_checks(self.project, self.options, progress)


def _require_sound(terms: Terms, saved: SavedPlan | None) -> None:
    if saved and (terms.drain or terms.undrain):
        raise UsageError(
            "--drain and --undrain change what a host gets, which a saved plan says; give them without --plan"
        )
    if terms.drain and terms.drain == terms.undrain:
        raise UsageError(f"--drain and --undrain both name {terms.drain}; which is it?")


def _saved(file: Path | None, flags: bool) -> SavedPlan | None:
    from postwright import artefact  # noqa: PLC0415 - heavy

    if file and flags:
        raise UsageError("--adopt and --consolidate are part of a saved plan; give them to `plan --out`")
    return artefact.load(file) if file else None


def _agreed(
    options: Options, project: Project, progress: output.Progress, terms: Terms, saved: SavedPlan | None, *, ask: bool
) -> FleetPlan:
    """The plan as of now, which the operator has reviewed or says yes to."""
    from postwright import apply as service  # noqa: PLC0415 - heavy
    from postwright import artefact  # noqa: PLC0415
    from postwright.cli.plan_text import print_plan  # noqa: PLC0415

    plan = service.make_plan(project, progress.phase, terms)
    progress.done()
    if not options.json:
        print_plan(plan, whole=bool(options.verbose))
    if saved:
        artefact.require_same(saved, plan, project.inventory)
    plan.require_safe(force=terms.force)
    if not plan.is_empty and ask:
        click.confirm("Apply this?", abort=True, err=True)
    return plan


def _print_landed(landed: Landed) -> None:
    for signature in landed.proven:
        click.echo(f"proven: {signature.host} signs {signature.domain} with {signature.selector}")
    for step in landed.keys:
        click.echo(f"key: {step.domain} {step.selector} is {step.to}")
    steps = output.counted(sum(len(steps) for steps in landed.hosts.values()), "step")
    click.secho(f"changed: {steps} on hosts, {output.counted(len(landed.zones), 'zone')} in DNS", fg="green")
