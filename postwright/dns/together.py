"""Work on many zones side by side, in lanes that do not wait for each other.

Promise: whatever fails, all else is tried, and the problems of all are told at once. Ctrl-C begins nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Self, TypeVar

from postwright.dns.providers import NotAsked
from postwright.dns.writing import WORKERS, listed
from postwright.errors import PostwrightError, ProviderError, UsageError

T = TypeVar("T")


class Lanes:
    """Up to ``WORKERS`` jobs at once in each lane: one that is slow, a server that is silent say, holds up its own alone."""

    def __init__(self) -> None:
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def submit(self, lane: str, job: Callable[[], T]) -> Future[T]:
        if lane not in self._pools:
            self._pools[lane] = ThreadPoolExecutor(WORKERS)
        return self._pools[lane].submit(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        cut_short = error is not None and not isinstance(error, Exception)  # Ctrl-C: those under way end by themselves
        for pool in self._pools.values():
            pool.shutdown(wait=not cut_short, cancel_futures=cut_short)


def all_of(jobs: Sequence[Future[T]]) -> list[T]:
    """What the jobs return; if any failed, the problems of all are raised, as a UsageError if they are nothing else."""
    wait(jobs)
    errors = [error for job in jobs if isinstance(error := job.exception(), PostwrightError)]
    if errors:
        kind = UsageError if all(isinstance(error, UsageError) for error in errors) else ProviderError
        raise kind("\n".join(dict.fromkeys(_told(errors))))
    return [job.result() for job in jobs]


def _told(errors: Sequence[PostwrightError]) -> list[str]:
    """A line for each; those that were not even asked share one, or a dead server with many zones would hide all else."""
    silent: dict[str, list[str]] = {}
    for error in errors:
        if isinstance(error, NotAsked):
            silent.setdefault(error.reason, []).append(error.zone)
    lines = [str(error) for error in errors if not isinstance(error, NotAsked)]
    return lines + [f"{reason}; so these were not asked for: {listed(zones)}" for reason, zones in silent.items()]
