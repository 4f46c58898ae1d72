"""What the commands of `postwright users` share: options, and how a password changes hands."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from postwright.cli import output
from postwright.errors import UsageError

if TYPE_CHECKING:
    from postwright.users.handing import Handing

_FILE = click.Path(path_type=Path, dir_okay=False)
_LIMITS = ("messages_per_hour", "messages_per_day", "recipients_per_hour", "recipients_per_day")
_LIMIT = re.compile(rf"({'|'.join(_LIMITS)})=([1-9][0-9]{{0,9}}|unlimited|default)")
NEXT = "next: `postwright apply`"
Command = Callable[..., Any]


def limit(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> dict[str, int | str | None]:
    """``messages_per_hour=100`` and the like; None for ``default``."""
    found: dict[str, int | str | None] = {}
    for text in value:
        match = _LIMIT.fullmatch(text)
        if not match:
            raise click.BadParameter(f"{text!r:.60} is not NAME=NUMBER; names are {', '.join(_LIMITS)}")
        number = match[2]
        found[match[1]] = None if number == "default" else int(number) if number.isdigit() else number
    return found


def _login(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    from postwright import values  # noqa: PLC0415 - loaded when needed, so that --help is quick

    try:
        return values.login(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


# As the store writes it, whose addresses have their domain in lower case.
login_argument = click.argument("login", callback=_login)


def described(command: Command) -> Command:
    """The options that say what a user may do."""
    for option in (
        click.option("--certificate", "certificates", multiple=True, metavar="FINGERPRINT",
                     help="SHA-256 of a client certificate that logs in without a password; may be repeated."),
        click.option("--network", "networks", multiple=True, metavar="CIDR",
                     help="A network it may log in from; may be repeated. Without any: from everywhere."),
        click.option("--limit", "limits", multiple=True, metavar="NAME=NUMBER", callback=limit,
                     help="messages_per_hour, messages_per_day, recipients_per_hour, recipients_per_day: a number, "
                     "'unlimited', or 'default' for what holds for all."),
        click.option("--sender", "senders", multiple=True, metavar="ADDRESS",
                     help="An address it may send as, or @DOMAIN for all of a domain; may be repeated."),
    ):  # fmt: skip
        command = option(command)
    return command


def secretly(command: Command) -> Command:
    """The options by which a password changes hands."""
    for option in (
        click.option("--password-stdin", is_flag=True, help="Take this password from standard input, or ask for it."),
        click.option(
            "--password-file", type=_FILE, help="Write the new password into this file, which must not be there yet."
        ),
    ):
        command = option(command)
    return command


def require_passwordless(login: str, certificates: tuple[str, ...], *, asked: bool, named: object) -> None:
    """UsageError where --no-password, if ``asked`` for, fits nothing else that was said; ``named``: a password's way."""
    if asked and named:
        raise UsageError(
            f"user {login}: --no-password goes with neither --password-stdin nor --password-file; which is it?"
        )
    if asked and not certificates:
        raise UsageError(
            f"user {login}: without a password it needs a certificate; name one: --certificate FINGERPRINT"
        )


def hand(*, password_stdin: bool, password_file: Path | None, as_json: bool) -> Handing:
    """Where the password is from and where it goes."""
    from postwright.users.handing import handing  # noqa: PLC0415 - heavy

    brought = _brought() if password_stdin else None
    return handing(brought, password_file, terminal=sys.stdout.isatty() and not as_json)


def _brought() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def told(text: str, given: Handing | None, login: str, *, as_json: bool) -> None:
    """What was done, and the password if this is the one time it is shown."""
    file = str(given.file) if given and given.file else None
    if as_json:
        output.document({"login": login, "changed": True, "password_file": file})
        return
    if given and given.shown:
        click.echo(f"password of {login}, shown this once: {given.password}")
    where = f"; its password is in {file}" if file else ""
    click.secho(f"{text}{where}; {NEXT}", fg="green")
