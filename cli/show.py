"""`postwright show`."""

from __future__ import annotations

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read
from postwright.errors import UsageError

WHATS = ["summary", "records", "files", "policies", "providers", "management"]


@click.command()
@click.argument("what", type=click.Choice(WHATS), default="summary")
@click.option("--host", "host_name", metavar="NAME", help="Files of this host only.")
@click.option(
    "--release",
    type=click.Choice(["12", "13"]),
    default="13",
    show_default=True,
    help="Debian release the files are for.",
)
@click.pass_obj
def show(options: Options, what: str, host_name: str | None, release: str) -> None:
    """Show the records and files an inventory means.

    Connects to nothing.

    WHAT is summary (the default), records (as zone files), files (with their content, secrets left out), policies
    (MTA-STS, to be served over HTTPS), providers (how to set up each DNS provider so that it lets us do no more than we
    must) or management (the WireGuard configuration of each operator, but for the private key). For keys see `postwright keys list`.

    \b
    Examples:
      postwright show
      postwright show records
      postwright show files --host mx1
      postwright show providers
    """
    from postwright import describe  # noqa: PLC0415 - cryptography is heavy

    project = read(options)
    known = [host.name for host in project.fleet.hosts]
    if host_name and host_name not in known:
        msg = f"no host {host_name!r} in {project.inventory}; there are {', '.join(known)}"
        raise UsageError(msg)
    if what == "files":
        parts = {
            host.name: describe.files(project, host, "12" if release == "12" else "13")
            for host in project.fleet.hosts
            if host_name in (None, host.name)
        }
        lines = [line for host, files in parts.items() for line in describe.file_lines(host, files)]
        value: object = {host: [describe.file_json(file) for file in files] for host, files in parts.items()}
    else:
        value, lines = getattr(describe, what)(project)
    if options.json:
        output.document(value)
    else:
        click.echo("\n".join(lines))
