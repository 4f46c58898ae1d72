"""What an order comes to: shown before it is given, and told host by host when it was. Pure.

Promise: every host that was meant is named, with what landed on it or why nothing did.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from postwright.warmup.asking import Asked
from postwright.warmup.fleetwide import FleetStatus
from postwright.warmup.lanes import Lane
from postwright.warmup.orders import Order, places
from postwright.warmup.table import folded
from postwright.warmup.wording import Line, plain


def shown(status: FleetStatus, order: Order, width: int) -> Iterator[Line]:
    """What an order does, and which hosts it cannot reach."""
    for host, why in status.failed.items():
        yield from folded(f"✗ {host}: {why}; it is left out", width, "bad")
    for line in order.lines:
        yield from folded(line.text, width, line.means)


@dataclass(frozen=True)
class Outcome:
    """``changed``: host → the lanes its agent says it has changed. ``failed``: host → why nothing, or not all, landed.

    ``unasked``: those of the latter that were told nothing at all. ``done``, ``nothing``: words for the two good ends.
    """

    changed: Mapping[str, Sequence[str]]
    failed: Mapping[str, str]
    unasked: Collection[str]
    done: str
    nothing: str
    known: Mapping[tuple[str, str], Lane]

    def to_json(self) -> dict[str, Any]:
        return {"changed": {host: list(them) for host, them in self.changed.items()}, "failed": dict(self.failed)}

    def lines(self, width: int) -> Iterator[Line]:
        """Host by host; failures at the end, where they are seen."""
        for host, names in self.changed.items():
            for text in self._texts(host, names):
                yield from folded(text, width, "good" if names else "")
        if not self.changed and not self.failed:
            yield Line(self.nothing)
        for host, why in self.failed.items():
            first = "nothing changed there: " if host in self.unasked else ""
            yield from folded(f"✗ {host}: {first}{why}", width, "bad")

    def _texts(self, host: str, names: Sequence[str]) -> Iterator[str]:
        lanes = [self.known[host, name] for name in names if (host, name) in self.known]
        others = [name for name in names if (host, name) not in self.known]
        yield from (f"{place}: {self.done}" for place in places(lanes))
        if others:
            yield f"{host}: {', '.join(others)}: {self.done}"
        if not names and host not in self.failed:
            yield f"{host}: its agent changed nothing"


def outcome(status: FleetStatus, order: Order, asked: Asked, nothing: str) -> Outcome:
    """What the answers mean; ``nothing`` is said where no host had to be asked."""
    changed = {host: list(dict.fromkeys(_changed(them))) for host, them in asked.answers.items()}
    known = {(it.host, it.name): it for it in status.lanes}
    return Outcome(changed, {**status.failed, **asked.failed}, frozenset(status.failed), order.done, nothing, known)


def _changed(answers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for answer in answers:
        changed = answer.get("changed")
        yield from map(plain, changed) if isinstance(changed, list) else ()
