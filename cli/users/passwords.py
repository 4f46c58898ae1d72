"""`postwright users add|rotate`: the commands that deal with passwords."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from postwright.cli.options import Options, duration
from postwright.cli.project import project as read
from postwright.cli.users import shared


def _grace(_ctx: click.Context, _param: click.Parameter, value: str) -> timedelta:
    return timedelta() if value == "0" else duration(value)


@click.command()
@shared.login_argument
@shared.described
@click.option("--no-password", is_flag=True, help="It logs in with certificates alone.")
@shared.secretly
@click.pass_obj
def add(
    options: Options, /, login: str, no_password: bool, password_file: Path | None, password_stdin: bool, **said: Any
) -> None:
    """Add a user who may submit mail.

    A strong password is made and handed over once: in the file you name (0600), or on your terminal. The store keeps its
    hash, encrypted with the keyring's passphrase. The user can log in after the next apply, which restarts nothing.

    \b
    Example:
      postwright users add crm --sender @shop.example --password-file crm.password
    """
    from postwright import apply, clock, material  # noqa: PLC0415 - heavy
    from postwright.users import change, passwords, store  # noqa: PLC0415

    project = read(options, stored=False)
    shared.require_passwordless(login, said["certificates"], asked=no_password, named=password_stdin or password_file)
    with apply.exclusively(project):
        before = material.store_of(project, new=True)
        users = change.added(before, project, login, said)
        change.require_valid(project, before, users)
        text = f"{login} added" if before.path.exists() else f"{login} added; the store is new: {before.path}"
        if no_password:
            store.write(users)
            shared.told(text, None, login, as_json=options.json)
            return
        given = shared.hand(password_stdin=password_stdin, password_file=password_file, as_json=options.json)
        phrase, sealed = material.passphrase_of(project), passwords.hashed(given.password)
        users = change.with_password(users, login, sealed, phrase, clock.now(), timedelta())
        with given.written():
            store.write(users)
    shared.told(text, given, login, as_json=options.json)


@click.command()
@shared.login_argument
@click.option("--grace", default="0", callback=_grace, metavar="TIME", help="How long the old password counts too.")
@shared.secretly
@click.pass_obj
def rotate(options: Options, login: str, grace: timedelta, password_file: Path | None, password_stdin: bool) -> None:
    """Give a user another password.

    With --grace both count until then, so that the client can be changed in between; the first apply after that takes the
    old one from the hosts. Without it the old one is refused as soon as the next apply is done.

    \b
    Example:
      postwright users rotate crm --grace 7d --password-file crm.password.new
    """
    from postwright import apply, clock, material  # noqa: PLC0415 - heavy
    from postwright.users import change, passwords, store  # noqa: PLC0415

    project = read(options, stored=False)
    with apply.exclusively(project):
        users = material.store_of(project)
        change.user_of(users, login)
        given = shared.hand(password_stdin=password_stdin, password_file=password_file, as_json=options.json)
        phrase, text = material.passphrase_of(project), passwords.hashed(given.password)
        users = change.with_password(users, login, text, phrase, clock.now(), grace)
        with given.written():
            store.write(users)
    shared.told(f"{login} has another password", given, login, as_json=options.json)
