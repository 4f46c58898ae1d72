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
    return "\n".join([_HEADING, *(_section(context) for context in contexts())])


def contexts() -> Iterator[click.Context]:
    """A context for every command that is shown, in the order of the help."""
    yield from _below(click.Context(cli, info_name="postwright", terminal_width=_WIDTH, **cli.context_settings))


def _below(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            command = context.command.get_command(context, name)
            if command is not None and not command.hidden:
                yield from _below(click.Context(command, info_name=name, parent=context, **command.context_settings))


def _section(context: click.Context) -> str:
    return f"## {context.command_path}\n\n```text\n{context.command.get_help(context)}\n```\n"


if __name__ == "__main__":
    click.echo(manual(), nl=False)
