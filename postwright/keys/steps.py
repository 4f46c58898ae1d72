"""What an apply does to keys, as values of a plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from postwright.keys.key import Algorithm, Keys, State


@dataclass(frozen=True)
class KeyStep:
    """One key from a state to another; ``was`` is None for one that is to be made. ``why`` is told to the operator."""

    domain: str
    selector: str
    was: State | None
    to: State
    algorithm: Algorithm
    bits: int
    host: str | None
    why: str = ""

    @property
    def is_new(self) -> bool:
        return self.was is None


def steps(now: Mapping[str, Keys], then: Mapping[str, Keys]) -> tuple[KeyStep, ...]:
    """What leads from the keys of each domain as they are to those foreseen."""
    return tuple(step for domain in then for step in _steps(domain, now.get(domain, ()), then[domain]))


def _steps(domain: str, now: Keys, then: Keys) -> Iterator[KeyStep]:
    for position, key in enumerate(then):
        was = now[position].state if position < len(now) else None
        if key.state != was:
            why = key.why if was is None else ""
            yield KeyStep(domain, key.selector, was, key.state, key.algorithm, key.bits, key.host, why)
