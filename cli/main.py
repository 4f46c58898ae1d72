"""The ``postwright`` command: global options, the order of commands, and how errors end a run."""

from __future__ import annotations

import gc
import importlib
import json
import os
from pathlib import Path
from typing import Any

import click

from postwright.checks import process as checks
from postwright.cli.options import Options
from postwright.errors import PostwrightError
from postwright.hosts import process

# In the order of work; each is a module of this package with a command of that name, loaded when it is called.
SECTIONS = {
    "Describe": ("init", "check", "show"),
    "Change": ("plan", "apply", "undo", "rollback", "keys", "users", "warmup"),
    "Prove": ("verify",),
    "Practise": ("lab",),
}


class Commands(click.Group):
    """Loads a command's module when it is needed, and lists commands by section."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = getattr(importlib.import_module(f"postwright.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in SECTIONS.items():
            commands = ((name, self.get_command(ctx, name)) for name in names)
            rows = [(name, command.get_short_help_str(90)) for name, command in commands if command]
            with formatter.section(title):
                formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PostwrightError as error:
            _report(ctx, error)
            ctx.exit(error.exit_status)
        except (click.Abort, click.ClickException) as error:
            text = error.format_message() if isinstance(error, click.ClickException) else "aborted; nothing was changed"
            _report_as_json(ctx.obj or Options(), type(error).__name__, text)
            raise
        finally:
            checks.stop()
            process.stop()


def _report(ctx: click.Context, error: PostwrightError) -> None:
    options: Options = ctx.obj or Options()
    text = "\n".join((str(error), *getattr(error, "__notes__", ())))
    click.secho(f"error: {text}", fg="red", err=True)
    _report_as_json(options, type(error).__name__, text)


def _report_as_json(options: Options, kind: str, text: str) -> None:
    if options.json:
        click.echo(json.dumps({"error": {"type": kind, "message": text}}))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "-i",
    "--inventory",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="POSTWRIGHT_INVENTORY",
    help="The fleet to work on, a pyinfra inventory file.  [env: POSTWRIGHT_INVENTORY; default: the only one in inventories/]",
    shell_complete=lambda _ctx, _param, text: [
        click.shell_completion.CompletionItem(str(path))
        for path in Path("inventories").glob("*.py")
        if str(path).startswith(text)
    ],
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout; all else goes to stderr.")
@click.option(
    "-v",
    "--verbose",
    count=True,
    help="Say more: steps, content of new files, checks that passed; -vv shows pyinfra's own log.",
)
@click.version_option(package_name="postwright")
@click.pass_context
def cli(ctx: click.Context, inventory: Path | None, as_json: bool, verbose: int) -> None:
    """Mail-sending hosts and the DNS that authenticates them, from one description.

    Say what you want in an inventory, look at the plan, apply it, and have it proven. Run it again at any time: it
    changes nothing, or exactly what is due.

    \b
      postwright init example.com          write a first project
      postwright check                     is the inventory sound?
      postwright plan                      what would change, as a diff
      postwright apply                     do it, in the safe order
      postwright verify                    prove it on hosts, in DNS, with a message

    No servers at hand? `postwright lab up` builds some on this machine.

    Exit status: 0 done, 1 failed or drifted, 2 wrong usage or inventory.

    Shell completion: eval "$(_POSTWRIGHT_COMPLETE=bash_source postwright)" in ~/.bashrc; zsh and fish likewise.
    """
    ctx.obj = Options(inventory, as_json, verbose)
    if verbose > 1:
        os.environ["POSTWRIGHT_VERBOSE"] = "1"  # for the process pyinfra lives in


def main() -> None:
    """Entry point of the console script."""
    # A run is short, and half of it is loading what stays to its end: to look for garbage in that took a fifteenth of its CPU.
    gc.set_threshold(100_000, 50, 50)
    cli(prog_name="postwright")
