"""`postwright rollback`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read
from postwright.errors import UsageError

if TYPE_CHECKING:  # loads pydantic, which would slow down every --help
    from postwright.inventory import Project
    from postwright.rollback import Generation, Restored, Rollback

_SHOWN = 4  # paths in a line of the list


@click.command()
@click.option(
    "--host", "names", metavar="NAME", multiple=True, help="The host, or several; needed if there are several."
)
@click.option("--to", "number", type=click.IntRange(min=1), help="The generation; default: the one before that of now.")
@click.option("--list", "only_list", is_flag=True, help="Show which generations hosts keep; change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Go back though it is marked unsafe.")
@click.pass_obj
def rollback(
    options: Options, names: tuple[str, ...], number: int | None, only_list: bool, yes: bool, force: bool
) -> None:
    """Put a host back to files it had before, services included.

    Every apply that changes files of a host keeps them there, as a generation. One is put back through the same checks as
    an apply: each service's own program looks at it first, services restart if they need to, the firewall takes itself
    back if it locks out, and a signed message proves the host.

    Keys, DNS and the inventory are not touched: the next apply brings back what the inventory says. Packages are not
    downgraded.

    \b
    Examples:
      postwright rollback --list
      postwright rollback --host mx1
      postwright rollback --host mx1 --to 3
    """
    from postwright import apply  # noqa: PLC0415 - heavy
    from postwright import rollback as service  # noqa: PLC0415

    if only_list and (number or yes or force):
        raise UsageError(
            "--list changes nothing, so --to, --yes and --force say nothing; leave them out, or leave out --list"
        )
    project = read(options)
    hosts = _hosts(project, names, only_list=only_list)
    if only_list:
        _list(options, project, hosts)
        return
    progress = output.Progress(verbose=bool(options.verbose))
    with apply.exclusively(project):
        agreed = service.make_rollback(project, hosts, number, progress.phase)
        progress.done()
        if not options.json:
            _print_plan(agreed, whole=bool(options.verbose))
        agreed.require_safe(force=force)
        if agreed.is_empty:
            _print_done(options, agreed, service.Restored({}, ()))
            return
        if not yes:
            click.confirm("Go back to this?", abort=True, err=True)
        done = service.roll_back(project, agreed, progress.phase, lambda host, step: progress.step(f"{host}: {step}"))
    progress.done()
    _print_done(options, agreed, done)


def _hosts(project: Project, names: tuple[str, ...], *, only_list: bool) -> list[str]:
    """Which hosts are meant; a change of one is never taken back on another."""
    known = [host.name for host in project.fleet.hosts]
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"no host {', '.join(unknown)} in {project.inventory}; there are {', '.join(known)}")
    if not names and len(known) > 1 and not only_list:
        raise UsageError(f"which host? there are {', '.join(known)}; name one, or several, with --host")
    return list(dict.fromkeys(names)) or known


def _list(options: Options, project: Project, hosts: list[str]) -> None:
    from postwright import rollback as service  # noqa: PLC0415 - heavy

    progress = output.Progress(verbose=bool(options.verbose))
    progress.phase("reading hosts")
    found = service.kept(project, hosts)
    progress.done()
    _print_list(options, found)


def _print_list(options: Options, found: dict[str, list[Generation]]) -> None:
    if options.json:
        output.document({"hosts": {host: [asdict(it) for it in generations] for host, generations in found.items()}})
        return
    for host, generations in found.items():
        output.heading(f"Host {host}")
        for it in generations:
            click.echo(f"  {it.number:>4}  {it.moment}  {_words(it)}")
        if not generations:
            click.echo("  none yet: the next apply that changes files keeps one")


def _words(it: Generation) -> str:
    more = f" and {len(it.changed) - _SHOWN} more" if len(it.changed) > _SHOWN else ""
    what = "found there, not made by an apply" if it.found else f"{', '.join(it.changed[:_SHOWN])}{more}"
    gone = "; cannot be put back: a key of it has left the host" if it.lost else ""
    begun = "(begun, and cut off) " if it.begun else ""
    return f"{begun}{'(now) ' if it.present else ''}{what}{gone}"


def _print_plan(agreed: Rollback, *, whole: bool) -> None:
    from postwright.cli.plan_text import print_host  # noqa: PLC0415 - heavy

    for danger in agreed.dangers:
        click.secho(f"unsafe: {danger}", fg="red")
    for it in agreed.returns:
        now = f"generation {it.now}" if it.now else "no generation it keeps"
        click.echo(f"{it.host}: back to generation {it.to.number} of {it.to.moment}; now it has {now}")
        print_host(it.plan, whole=whole)


def _print_done(options: Options, agreed: Rollback, done: Restored) -> None:
    if options.json:
        hosts = {it.host: {"generation": it.to.number, "was": it.now} for it in agreed.returns}
        steps = {host: {**about, "steps": list(done.steps.get(host, ()))} for host, about in hosts.items()}
        proven = [{"host": it.host, "domain": it.domain, "selector": it.selector} for it in done.proven]
        output.document({"hosts": steps, "proven": proven, "changed": bool(done.steps)})
        return
    for signature in done.proven:
        click.echo(f"proven: {signature.host} signs {signature.domain} with {signature.selector}")
    if not done.steps:
        click.secho("Nothing to do: the host has these files and runs them.", fg="green")
        return
    click.secho(f"went back: {output.counted(sum(map(len, done.steps.values())), 'step')} on hosts", fg="green")
    click.secho(
        "note: the inventory still says otherwise, and the next apply brings that back; mend the inventory first. "
        "Packages stay as they are: none was downgraded.",
        fg="yellow",
    )
