"""The manual of all commands, made from their own help: ``python -m postwright.cli.manual > docs/commands.md``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from postwright.cli.main import cli

_HEADING = """\
# Commands

Made from `--help` by `python -m postwright.cli.manual > docs/commands.md`; a test compares the two.
"""
_WIDTH = 100


def manual() -> str:
    """The page, as Markdown: each command with its help, the groups before what is in them."""
    with click.Context(cli, info_name="postwright", terminal_width=_WIDTH, **cli.context_settings) as context:
        return "\n".join([_HEADING, *_pages(cli, context)])


def _pages(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None and not inner.hidden:
            with click.Context(inner, info_name=name, parent=context, **inner.context_settings) as its_context:
                yield from _pages(inner, its_context)


if __name__ == "__main__":
    click.echo(manual(), nl=False)
