"""`postwright keys`: the DKIM keys, their life and their safe-keeping."""

from __future__ import annotations

import click

from postwright.cli.keys.move import list_keys, revoke, rotate
from postwright.cli.keys.store import backup, change_passphrase, import_keys, recover, restore


class InOrderOfWork(click.Group):
    """Lists its commands as they were added."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrderOfWork)
def keys() -> None:
    """List, rotate and revoke DKIM keys, and keep them safe.

    Every apply moves each key by the steps that are due; `keys list` says which come next, and when.

    \b
    Examples:
      postwright keys list
      postwright keys rotate --domain shop.example
    """


for command in (list_keys, rotate, revoke, import_keys, backup, restore, change_passphrase, recover):
    keys.add_command(command)
