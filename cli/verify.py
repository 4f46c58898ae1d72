"""`postwright verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from postwright.checks import process as checks
from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read

if TYPE_CHECKING:  # pydantic and its models would slow down every --help
    from postwright.checks.run import Result, Results
    from postwright.inventory import Project

_MARKS = {"ok": ("✓", "green"), "failed": ("✗", "red"), "unknown": ("?", "yellow"), "skipped": ("-", "yellow")}


@click.command()
@click.option("-k", "only", metavar="TEXT", help="Only checks whose name or place contains TEXT.")
@click.pass_obj
@click.pass_context
def verify(ctx: click.Context, options: Options, only: str | None) -> None:
    """Prove that it works, on hosts, in DNS and with a message.

    Every host, every record at every name server, and a message that is really sent. Changes nothing but for the one message. What could not be asked is "unknown", which is not "ok". Exits 1 unless
    all checks are ok.

    \b
    Examples:
      postwright verify
      postwright verify -k shop.example
      postwright --json verify > evidence.json
    """
    checks.start()  # it loads what is heavy meanwhile
    project = read(options, connect=True)
    progress = output.Progress(verbose=bool(options.verbose))
    results = run_checks(project, options, progress, only)
    if options.json:
        output.document(results.to_json())
    ctx.exit(0 if results.all_ok else 1)


def run_checks(project: Project, options: Options, progress: output.Progress, only: str | None = None) -> Results:
    """Run the checks with progress; print them unless the output is JSON."""
    from postwright.checks.run import run  # noqa: PLC0415 - pytest is heavy

    progress.phase("checking hosts, DNS and a message")
    results = run(project, only, progress.step)
    progress.done()
    if not options.json:
        _print(results, everything=bool(options.verbose))
    return results


def _print(results: Results, *, everything: bool) -> None:
    shown = [result for result in results.results if everything or result.outcome != "ok"]
    for reason, alike in _by_reason(shown).items():
        for result in alike:
            mark, colour = _MARKS[result.outcome]
            click.secho(f"{mark} {result.where}: {result.promise}", fg=colour)
        if reason:
            click.echo(f"    {reason}")
    total = len(results.results)
    colour = "green" if results.all_ok else "red"
    skipped = f", {results.count('skipped')} skipped" if results.count("skipped") else ""
    click.secho(
        f"{total} checks: {results.count('ok')} ok, {results.count('failed')} failed, {results.count('unknown')} unknown{skipped}",
        fg=colour,
    )


def _by_reason(results: list[Result]) -> dict[str, list[Result]]:
    """A host that cannot be reached is the reason of many results, and told once."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.reason, []).append(result)
    return found
