"""In which order an apply goes through several hosts: one first, proven, then the others batch by batch. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postwright.errors import UsageError
from postwright.hosts.plan import HostPlan
from postwright.model import Rollout

Waves = tuple[tuple[str, ...], ...]


def waves(rollout: Rollout, plans: Sequence[HostPlan], canary: str | None = None) -> Waves:
    """The hosts, those first that come first; each wave is proven before the next begins.

    The first host that changes goes alone, or ``canary``; then those that change, then the others. One wave where there is
    one host, nothing changes, or the inventory says so.
    """
    names = tuple(plan.host for plan in plans)
    changing = tuple(plan.host for plan in plans if plan.changes)
    first = canary or (changing[0] if changing and rollout.canary else None)
    if first is None or len(names) == 1:
        return (names,)
    rest = tuple(name for name in changing if name != first)
    same = tuple(name for name in names if name not in (first, *changing))
    return ((first,), *_batches(rest, rollout.batch), *((same,) if same else ()))


def _batches(names: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    return (names[start : start + size] for start in range(0, len(names), size))


def require_known(names: Sequence[str], *asked: str | None) -> None:
    """UsageError for a host that is not in the inventory."""
    if unknown := [name for name in asked if name is not None and name not in names]:
        raise UsageError(f"no host {', '.join(unknown)} in the inventory; there are {', '.join(names)}")


def standing(done: Sequence[str], begun: Sequence[str], tried: Sequence[str], waiting: Sequence[str]) -> str:
    """Which hosts have the new state when a rollout stops. ``tried``: their turn had come, and no step on them began."""
    parts = [
        ("with the new state, proven", done),
        ("begun and not proven", begun),
        *([("tried, unchanged", tried)] if tried else []),
        ("still with the old state", waiting),
    ]
    return "hosts " + "; ".join(f"{words}: {', '.join(names) or 'none'}" for words, names in parts)
