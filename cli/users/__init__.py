"""`postwright users`: who may submit mail."""

from __future__ import annotations

import click

from postwright.cli.keys import InOrderOfWork
from postwright.cli.users.passwords import add, rotate
from postwright.cli.users.plain import list_users, remove, set_user


@click.group(cls=InOrderOfWork)
def users() -> None:
    """List, add, change and remove those who may submit mail.

    They are kept in the file the inventory names (mail_fleet.users), which is fit for Git: all in clear but the password
    hashes. Hosts know of a change after the next apply, which restarts nothing. See docs/users.md.

    \b
    Examples:
      postwright users list
      postwright users add crm --sender @shop.example
    """


for command in (list_users, add, rotate, set_user, remove):
    users.add_command(command)
