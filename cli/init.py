"""`postwright init`."""

from __future__ import annotations

from pathlib import Path

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.errors import UsageError


@click.command()
@click.argument("domain")
@click.option("--host", "host_name", default="mx1", show_default=True, help="Inventory name of the first mail host.")
@click.option(
    "--address", "addresses", multiple=True, metavar="IP", help="Sending address, IPv4 or IPv6; may be repeated."
)
@click.option("--postmaster", metavar="ADDRESS", help="Who reads mail to postmaster@; a mailbox elsewhere.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the project goes.  [default: here]",
)
@click.pass_obj
def init(
    options: Options, domain: str, host_name: str, addresses: tuple[str, ...], postmaster: str | None, directory: Path
) -> None:
    """Write a first project for DOMAIN.

    An inventory with every key explained, and the secrets it names.

    Nothing that exists is overwritten. Secrets go to secrets/ (mode 0700, kept out of Git by secrets/.gitignore): a
    passphrase for the DKIM keys, a TSIG key, a first login, and a self-signed certificate to start with.

    \b
    Example:
      postwright init example.com --address 192.0.2.10 --address 2001:db8::10 --postmaster ops@example.net
    """
    from postwright import first_project  # noqa: PLC0415 - cryptography is heavy

    if options.inventory:
        msg = "init writes inventories/production.py; leave out -i"
        raise UsageError(msg)
    made = first_project.create(directory, domain, host_name, addresses, postmaster)
    if options.json:
        output.document({"created": [str(path) for path in made]})
        return
    for path in made:
        click.echo(f"  made {path}")
    click.echo(
        "\nNext:\n"
        f"  1. read {directory / 'inventories/production.py'}: host, addresses, name server\n"
        "  2. set up who publishes DNS: `postwright show providers` prints how\n"
        '  3. say "tls": "acme", or put the host\'s certificate in place of the self-signed one\n'
        "  4. postwright check && postwright plan"
    )
