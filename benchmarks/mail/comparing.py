"""Variants in turns, and what they come to beside the first of them.

Promise: a ratio is of two measures of the same round; the table says its median and its spread, not those of two medians.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

from measuring import Measure

T = TypeVar("T")
Rounds = list[list[Measure]]  # round → measures, in the order of the variants


def in_turns(variants: Sequence[T], rounds: int, measure: Callable[[T], Measure]) -> Rounds:
    """Every round measures each variant once; another one begins each time."""
    found: Rounds = []
    for turn in range(rounds):
        first = turn % len(variants)
        order = [*range(first, len(variants)), *range(first)]
        measured = {at: measure(variants[at]) for at in order}
        found.append([measured[at] for at in range(len(variants))])
    return found


def table(found: Rounds, services: Sequence[str]) -> list[str]:
    """A line per variant."""
    used = [name for name in services if any(it.cpu.get(name, 0) >= 1 for row in found for it in row)]
    return [
        f"| | messages/s, min / median / max | CPU us/message: {' + '.join(used)} | sum | of the throughput | of the CPU |",
        "|---|---|---|---|---|---|",
        *(_line(at, found, used) for at in range(len(found[0]))),
    ]


def _line(at: int, found: Rounds, used: Sequence[str]) -> str:
    mine = [row[at] for row in found]
    each = [statistics.median(it.cpu.get(name, 0) for it in mine) for name in used]
    rate = spread([row[at].rate / row[0].rate for row in found])
    cpu = spread([row[at].total / row[0].total for row in found])
    rates = [it.rate for it in mine]
    said = f"{min(rates):.0f} / {statistics.median(rates):.0f} / {max(rates):.0f}"
    parts = " + ".join(f"{it:.0f}" for it in each)
    total = statistics.median(it.total for it in mine)
    return f"| {mine[0].name} | {said} | {parts} | {total:.0f} | {rate if at else '1'} | {cpu if at else '1'} |"


def spread(ratios: Sequence[float]) -> str:
    """Median, and the least and the greatest."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
