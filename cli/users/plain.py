"""`postwright users list|set|remove`: the commands that need no password and no passphrase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read
from postwright.cli.users import shared
from postwright.errors import UsageError

if TYPE_CHECKING:
    from postwright.model import Login


@click.command("list")
@click.pass_obj
def list_users(options: Options) -> None:
    """List all who may submit mail, and what each may do.

    Those of the inventory's own `logins` too. No passphrase is needed: only password hashes are encrypted.

    \b
    Example:
      postwright users list
    """
    from postwright import material  # noqa: PLC0415 - heavy

    project = read(options, stored=False)
    notes = material.password_notes(project)
    users = material.store_of(project).users.values() if project.fleet.users else ()
    rows = [_row(login, notes) for login in (*project.fleet.logins, *users)]
    if options.json:
        output.document({"users": rows})
        return
    for row in rows:
        click.secho(f"{row['login']}  ({row['kept_in']}; {row['password']})", bold=True)
        for name in ("senders", "networks", "certificates"):
            if row[name]:
                click.echo(f"  {name}: {', '.join(row[name])}")
        if row["limits"]:
            click.echo(f"  limits: {', '.join(f'{name} {value}' for name, value in row['limits'].items())}")
    if not rows:
        click.echo("nobody may submit mail; add a user: `postwright users add`")


def _row(login: Login, notes: dict[str, str]) -> dict[str, Any]:
    data = login.model_dump(mode="json")
    stored = login.password_hash is None
    return {
        "login": login.login,
        "kept_in": "store" if stored else "inventory",
        "state": login.state,
        "password": notes[login.login] if stored else str(login.password_hash),
        "senders": data["senders"],
        "networks": data["networks"],
        "certificates": data["certificates"],
        "limits": {name: value for name, value in data["limits"].items() if value is not None},
    }


@click.command("set")
@shared.login_argument
@shared.described
@click.option("--any-network", is_flag=True, help="It may log in from everywhere again.")
@click.option("--no-certificate", is_flag=True, help="No certificate logs in for it any more.")
@click.option("--suspend/--resume", default=None, help="It may not log in, until it is resumed.")
@click.pass_obj
def set_user(
    options: Options, /, login: str, any_network: bool, no_certificate: bool, suspend: bool | None, **said: Any
) -> None:
    """Change what a user may do.

    Senders, networks and certificates that are given take the place of those there were; limits are changed one by one.

    \b
    Examples:
      postwright users set crm --sender @shop.example --sender news@shop.example
      postwright users set crm --limit messages_per_hour=500 --network 192.0.2.0/24
      postwright users set crm --suspend
    """
    from postwright import apply, material  # noqa: PLC0415 - heavy
    from postwright.users import change, store  # noqa: PLC0415

    given = _given(said, {"networks": any_network, "certificates": no_certificate}, suspend)
    project = read(options, stored=False)
    with apply.exclusively(project):
        before = material.store_of(project)
        if "limits" in given:
            given["limits"] = change.user_of(before, login).limits.model_dump() | given["limits"]
        users = change.changed(before, login, given)
        change.require_valid(project, before, users)
        store.write(users)
    shared.told(f"{login} changed", None, login, as_json=options.json)


def _given(said: dict[str, Any], emptied: dict[str, bool], suspend: bool | None) -> dict[str, Any]:
    """What is to be changed; UsageError where nothing is, or where a list is to be emptied and filled at once."""
    given: dict[str, Any] = {name: value for name, value in said.items() if value}
    if both := [name for name, empty in emptied.items() if empty and name in given]:
        options = {"networks": "--network and --any-network", "certificates": "--certificate and --no-certificate"}
        raise UsageError(f"{', '.join(options[name] for name in both)} say opposite things; which is it?")
    given |= {name: () for name, empty in emptied.items() if empty}
    given |= {} if suspend is None else {"state": "suspended" if suspend else "active"}
    if not given:
        raise UsageError("what is to be changed? give --sender, --limit, --network, --certificate or --suspend")
    return given


@click.command()
@shared.login_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(options: Options, login: str, yes: bool) -> None:
    """Remove a user.

    Hosts refuse the login as soon as the next apply is done. A session that is open then goes on to its end.

    \b
    Example:
      postwright users remove crm && postwright apply
    """
    from postwright import apply, material  # noqa: PLC0415 - heavy
    from postwright.users import change, store  # noqa: PLC0415

    project = read(options, stored=False)
    with apply.exclusively(project):
        before = material.store_of(project)
        users = change.removed(before, login)
        change.require_valid(project, before, users)
        if not yes:
            click.confirm(f"Remove {login}?", abort=True, err=True)
        store.write(users)
    shared.told(f"{login} removed", None, login, as_json=options.json)
