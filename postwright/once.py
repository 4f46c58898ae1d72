"""A function that is asked once for each argument, by however many threads.

Promise: whoever comes while an answer is on its way waits for that one. What was raised is raised again: it is an answer, too.
Nothing is ever forgotten, so one object is meant for one run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Once(Generic[P, T]):
    """``function`` with its answers remembered by its positional arguments."""

    def __init__(self, function: Callable[P, T]) -> None:
        self._function = function
        self._known: dict[Hashable, Future[T]] = {}
        self._lock = Lock()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            first = args not in self._known
            found = self._known.setdefault(args, Future())
        if first:
            try:
                found.set_result(self._function(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - Ctrl-C too: whoever waits must not wait for ever
                found.set_exception(error)
        return found.result()
