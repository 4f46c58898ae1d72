"""`postwright warmup pause|resume|set|release|complaints`: what a person knows and an agent does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from postwright.cli import output
from postwright.cli.options import Options
from postwright.cli.project import project as read
from postwright.cli.warmup.shared import ADDRESS, HOST, PROVIDER, YES, period, print_lines, stage, width
from postwright.cli.warmup.status import asked
from postwright.errors import UsageError

if TYPE_CHECKING:
    from postwright.inventory import Project
    from postwright.warmup.fleetwide import FleetStatus
    from postwright.warmup.orders import Order
    from postwright.warmup.scope import Scope


@dataclass(frozen=True)
class _Meant:
    """What the options of a command name."""

    options: Options
    host: str | None
    address: str | None
    provider: str | None
    yes: bool


@click.command()
@HOST
@ADDRESS
@PROVIDER
@click.option("--for", "seconds", callback=period, metavar="TIME", help="Go on by itself after 30m, 2h, 3d.")
@click.option("--reason", default="paused by hand", show_default=True, help="What others read in `warmup status`.")
@YES
@click.pass_obj
def pause(
    options: Options,
    host: str | None,
    address: str | None,
    provider: str | None,
    seconds: int | None,
    reason: str,
    yes: bool,
) -> None:
    """Let nothing leave for now; mail is accepted and held.

    What is held leaves in order of arrival, by the budget, when it goes on. Without options all addresses of all hosts pause.

    \b
    Examples:
      postwright warmup pause --provider yahoo --for 2h --reason "asked Yahoo, ticket 4711"
      postwright warmup pause --host mx1
    """
    from postwright.warmup import asking, orders  # noqa: PLC0415 - loads pydantic

    signed = f"{reason} ({asking.who()})"
    _carry_out(
        _Meant(options, host, address, provider, yes),
        lambda _, status, meant: orders.pause(status, meant, signed, seconds),
    )


@click.command()
@HOST
@ADDRESS
@PROVIDER
@YES
@click.pass_obj
def resume(options: Options, host: str | None, address: str | None, provider: str | None, yes: bool) -> None:
    """Go on with what is paused, stopped, suspended or slowed.

    Budgets and stages stay as they are. What a provider had shut comes back by one connection, then more as it accepts. If
    a block list stopped it, be off that list first: look at the reason.

    \b
    Examples:
      postwright warmup resume --address 192.0.2.10 --provider yahoo
      postwright warmup resume
    """
    from postwright.warmup import asking, orders  # noqa: PLC0415 - loads pydantic

    _carry_out(
        _Meant(options, host, address, provider, yes),
        lambda _, status, meant: orders.resume(status, meant, f"resumed by {asking.who()}"),
        "nothing to resume: nothing is paused, stopped, suspended or slowed",
    )


@click.command("set")
@click.option("--address", required=True, metavar="IP", help="The sending address.")
@PROVIDER
@click.option(
    "--stage",
    "wanted",
    required=True,
    callback=stage,
    metavar="N|warm",
    help="Counted from 1; warm is behind the last.",
)
@YES
@click.pass_obj
def set_stage(options: Options, address: str, provider: str | None, wanted: int | None, yes: bool) -> None:
    """Put an address at a stage of its plan.

    For an address that was warmed up elsewhere, or whose reputation is gone. It goes on from there by itself.

    \b
    Examples:
      postwright warmup set --address 192.0.2.10 --stage 5
      postwright warmup set --address 192.0.2.10 --provider yahoo --stage 1
      postwright warmup set --address 192.0.2.10 --stage warm
    """
    from postwright.warmup import budgets, orders  # noqa: PLC0415 - loads pydantic

    _carry_out(
        _Meant(options, None, address, provider, yes),
        lambda project, status, meant: orders.set_stage(status, meant, wanted, budgets.of(project)),
        "nothing to set: it stands there already",
    )


@click.command()
@HOST
@ADDRESS
@PROVIDER
@click.option(
    "--count", type=click.IntRange(min=1), metavar="N", help="So many, the oldest of each address and provider."
)
@click.option("--all", "everything", is_flag=True, help="All that is held now.")
@YES
@click.pass_obj
def release(
    options: Options,
    host: str | None,
    address: str | None,
    provider: str | None,
    count: int | None,
    everything: bool,
    yes: bool,
) -> None:
    """Send held mail now, beyond the budget.

    The question says how far beyond. A number is shared out by how much each address and provider holds. What leaves
    counts against the budget, so less is left for today. What is paused, suspended or stopped keeps its mail.

    \b
    Examples:
      postwright warmup release --provider google --count 100
      postwright warmup release --address 192.0.2.10 --all
    """
    from postwright.warmup import orders  # noqa: PLC0415 - loads pydantic

    if not (address or provider):
        raise UsageError("release which mail? name an --address or a --provider")
    if everything == (count is not None):
        raise UsageError("how many? say --count N or --all")
    _carry_out(
        _Meant(options, host, address, provider, yes),
        lambda _, status, meant: orders.release(status, meant, count),
        "nothing to release: nothing is held there",
    )


@click.command()
@click.option("--address", required=True, metavar="IP", help="The address the mail was sent from.")
@click.option("--provider", required=True, metavar="NAME", help="The provider that told of them.")
@click.argument("count", type=click.IntRange(min=1, max=1_000_000))
@YES
@click.pass_obj
def complaints(options: Options, address: str, provider: str, count: int, yes: bool) -> None:
    """Tell an agent of complaints, which its log does not show.

    From feedback loops, Google's Postmaster Tools or Microsoft's SNDS. They count for today, and decide with bounces and
    deferrals whether the next stage comes, or the one before.

    \b
    Example:
      postwright warmup complaints --address 192.0.2.10 --provider yahoo 3
    """
    from postwright.warmup import orders  # noqa: PLC0415 - loads pydantic

    _carry_out(
        _Meant(options, None, address, provider, yes),
        lambda _, status, meant: orders.complaints(status, meant, count),
    )


def _carry_out(
    said: _Meant, order_of: Callable[[Project, FleetStatus, Scope], Order], nothing: str = "nothing to do"
) -> None:
    """Ask how things stand, show what will be done, agree, do it, and tell what landed where."""
    from postwright.warmup import asking, outcome  # noqa: PLC0415 - loads pydantic
    from postwright.warmup.scope import scope  # noqa: PLC0415

    project = read(said.options)
    meant = scope(project, said.host, said.address, said.provider)
    status = asked(project, meant)
    order = order_of(project, status, meant)
    print_lines(outcome.shown(status, order, width()), err=said.options.json)
    if order.requests and not said.yes:
        click.confirm(order.question, abort=True, err=True)
    done = outcome.outcome(status, order, asking.ask(project, order.requests, repeatable=order.repeatable), nothing)
    if said.options.json:
        output.document(done.to_json())
    else:
        print_lines(done.lines(width()))
    click.get_current_context().exit(1 if done.failed else 0)
