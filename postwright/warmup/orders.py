"""What an operator tells agents to do, as requests, with the words in which it is shown before. Pure.

Promise: a request names lanes that an agent has just told of, and what is shown is what is asked for, no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from postwright.errors import UsageError
from postwright.warmup.fleetwide import FleetStatus, state
from postwright.warmup.lanes import Lane
from postwright.warmup.scope import Scope
from postwright.warmup.wording import Line, moment, number

Requests = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Order:
    """``requests``: host → what its agent is asked. ``lines``: what that does; ``done``: in a word, when it has.

    ``repeatable``: twice is as good as once.
    """

    requests: Requests
    lines: tuple[Line, ...]
    question: str
    done: str
    repeatable: bool = True


def pause(status: FleetStatus, scope: Scope, reason: str, seconds: int | None) -> Order:
    """Nothing leaves by these lanes until somebody resumes them, or the time is over; what comes is held."""
    _some(status, scope)
    requests: Requests = {}
    lines: list[Line] = []
    for host in status.hosts:
        if not host.lanes:
            continue
        until = None if seconds is None else host.now + seconds  # the host's own clock decides
        requests[host.host] = [{"do": "pause", **_target(scope), "reason": reason, "until": until}]
        end = "until somebody resumes them" if until is None else f"until {moment(until, host.now)}"
        open_ = [it for it in host.lanes if it.mode != "stopped"]
        lines += [Line(f"~ {where}: paused {end}; mail for them is held", "warning") for where in places(open_)]
        lines += [Line(f"  {_name(it)}: is stopped already, and stays so") for it in host.lanes if it not in open_]
    return Order(requests, tuple(lines), "Pause this?", "paused")


def resume(status: FleetStatus, scope: Scope, reason: str) -> Order:
    """Lanes that are shut or slowed go on by their budget, at once."""
    _some(status, scope)
    shut = [it for it in status.lanes if it.trouble]
    requests = _each(
        shut, lambda it: {"do": "resume", "address": it.address, "provider": it.provider, "reason": reason}
    )
    lines = tuple(Line(f"~ {_name(it)}: was {state(it)}{f': {it.reason}' if it.reason else ''}") for it in shut)
    return Order(requests, lines, "Go on sending?", "goes on")


def set_stage(status: FleetStatus, scope: Scope, stage: int | None, budget: Callable[[Lane, int | None], str]) -> Order:
    """Lanes stand at this stage from now on; None is warm. ``budget`` tells what a lane may send at a stage."""
    lanes = _some(status, scope)
    if fixed := [it for it in lanes if not it.plan]:
        raise UsageError(
            f"{_name(fixed[0])} follows no plan, so it has no stages; give the address one in the inventory"
        )
    if stage is not None and (short := [it for it in lanes if it.stages is not None and stage > it.stages]):
        raise UsageError(
            f"{_name(short[0])}: its plan {short[0].plan} has {short[0].stages} stages; --stage warm is behind them"
        )
    moved = [it for it in lanes if it.stage != stage]
    wanted: int | str = "warm" if stage is None else stage
    requests = _each(moved, lambda it: {"do": "set", "address": it.address, "provider": it.provider, "stage": wanted})
    return Order(requests, tuple(_step(it, stage, budget) for it in moved), "Set this?", "set")


def _step(it: Lane, stage: int | None, budget: Callable[[Lane, int | None], str]) -> Line:
    skipped = (it.stages or 0 if stage is None else stage - 1) - (it.stage or 0)
    leap = it.stage is not None and skipped > 0
    warning = f"; that skips {number(skipped)} stage{'' if skipped == 1 else 's'}" if leap else ""
    return Line(
        f"~ {_name(it)}: stage {it.stage or 'warm'} → {stage or 'warm'} ({budget(it, stage)}){warning}",
        "warning" if leap else "",
    )


def release(status: FleetStatus, scope: Scope, count: int | None) -> Order:
    """Held mail leaves now, beyond the budget if need be. ``count``: shared out by how much each lane holds; None is all.

    A lane that is shut lets nothing go: what it were told now would leave when somebody opens it, and surprise him.
    """
    holding = [it for it in _some(status, scope) if it.held]
    lanes = [it for it in holding if not it.shut]
    shares = zip(lanes, shared_out(count, [it.held for it in lanes]), strict=True)
    taken = {(it.host, it.address, it.provider): (it, share) for it, share in shares if share}
    requests = _each((it for it, _ in taken.values()), lambda it: _released(*taken[it.host, it.address, it.provider]))
    lines = [*(_kept(it) for it in holding if it.shut), *(_leaving(*each) for each in taken.values())]
    return Order(
        requests, tuple(lines), _release_question(list(taken.values())), "told to release it", repeatable=False
    )


def _release_question(taken: list[tuple[Lane, int]]) -> str:
    over = sum(beyond(it, share) for it, share in taken)
    total = f"Release {_counted(sum(share for _, share in taken), 'message')}"
    return f"{total}, {number(over)} of them beyond the budget?" if over else f"{total}? That is within the budget."


def _kept(it: Lane) -> Line:
    return Line(
        f"! {_name(it)}: is {state(it)}, so its {number(it.held)} held messages stay; resume it first", "warning"
    )


def _released(it: Lane, share: int) -> dict[str, Any]:
    """As many as are agreed to, also where that is all: more may have come since."""
    return {"do": "release", "address": it.address, "provider": it.provider, "count": share}


def shared_out(count: int | None, held: list[int]) -> list[int]:
    """How many of each, in proportion; together ``count``, or all there are."""
    total = sum(held)
    if count is None or count >= total:
        return held
    shares = [count * each // total for each in held]
    rest = sorted(range(len(held)), key=lambda at: -(count * held[at] % total))
    for at in rest[: count - sum(shares)]:
        shares[at] += 1
    return shares


def beyond(it: Lane, count: int) -> int:
    """How many of so many are more than hour and day have left."""
    left = [budget.left for budget in (it.hour, it.day) if budget.left is not None]
    return max(0, count - min(left)) if left else 0


def _leaving(it: Lane, count: int) -> Line:
    over = beyond(it, count)
    sum_ = f"; {number(it.day.used + count)} today where its plan has {number(it.day.limit)}" if it.day.limit else ""
    excess = f"; {number(over)} of them go beyond its budget{sum_}" if over else ""
    slow = f"; it is {state(it)}{f': {it.reason}' if it.reason else ''}" if it.trouble else ""
    text = f"~ {_name(it)}: {number(count)} of {number(it.held)} held messages leave now{excess}{slow}"
    return Line(text, "bad" if over or slow else "")


def complaints(status: FleetStatus, scope: Scope, count: int) -> Order:
    """So many recipients called a message of this lane unwanted; the agent cannot see that in its log."""
    lanes = _some(status, scope)
    requests = _each(
        lanes, lambda it: {"do": "complaints", "address": it.address, "provider": it.provider, "count": count}
    )
    lines = tuple(
        Line(f"~ {_name(it)}: {_counted(count, 'complaint')} more, of {number(it.delivered)} delivered today")
        for it in lanes
    )
    return Order(requests, lines, "Count this?", "counted", repeatable=False)


def _counted(count: int, noun: str) -> str:
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def _some(status: FleetStatus, scope: Scope) -> list[Lane]:
    """The lanes that are meant; UsageError if agents answered and have none."""
    lanes = status.lanes
    if not lanes and status.hosts:
        what = " and ".join(filter(None, (scope.address, scope.provider))) or "any address"
        raise UsageError(
            f"{', '.join(it.host for it in status.hosts)}: no lane of {what}; run `postwright apply` first"
        )
    return lanes


def _target(scope: Scope) -> dict[str, str | None]:
    return {"address": scope.address, "provider": scope.provider}


def _each(lanes: Iterable[Lane], request: Callable[[Lane], dict[str, Any]]) -> Requests:
    requests: Requests = {}
    for it in lanes:
        requests.setdefault(it.host, []).append(request(it))
    return requests


def _name(it: Lane) -> str:
    return f"{it.host} {it.address} {it.provider}"


def places(lanes: Iterable[Lane]) -> Iterator[str]:
    """``mx1 192.0.2.10: google, yahoo`` for each address of each host."""
    for (host, address), found in groupby(lanes, key=lambda it: (it.host, it.address)):
        yield f"{host} {address}: {', '.join(it.provider for it in found)}"
