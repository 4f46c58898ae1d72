"""The checks' process: pytest over this package; a JSON line per result on standard output."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Generator, Mapping
from threading import Lock

import pytest
import testinfra.host  # noqa: F401 - what checks need is loaded before the parent says what to check

import postwright.proof
import postwright.publishing
import postwright.rotation.proving  # noqa: F401 - the same
from postwright.checks import answers
from postwright.checks.context import END, told
from postwright.checks.side_by_side import MARKERS, Ended, SideBySide, in_turn
from postwright.hosts import served


class Reporter:
    """Chooses the checks that match ``only``, has them run side by side, and writes a line for each as soon as it is known."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.lock = Lock()

    def pytest_configure(self, config: pytest.Config) -> None:
        for marker in MARKERS:
            config.addinivalue_line("markers", f"{marker}: see side_by_side.py")

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        only = told().only
        chosen = [item for item in items if _is_about_something(item) and _matches(item, only)]
        left_out = set(items) - set(chosen)
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = in_turn(chosen)
        self.numbers = {item.nodeid: number for number, item in enumerate(chosen)}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        self.running = SideBySide(self.ended, len(told().fleet.hosts))
        prepared = yield
        self.running.end()
        return prepared

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        self.running.begin(pyfuncitem)
        return True

    def ended(self, item: pytest.Item, how: Ended) -> None:
        """Write a line about a check; called from any thread."""
        line = {
            "number": self.numbers[item.nodeid],
            "promise": _promise(item),
            "where": answers.place(_parameters(item)),
            "outcome": answers.outcome(how.error),
            "reason": answers.reason(how.error) if how.error else "",
            "seconds": round(how.seconds, 3),
        }
        with self.lock:
            sys.__stdout__.write(json.dumps(line) + "\n")  # type: ignore[union-attr]
            sys.__stdout__.flush()  # type: ignore[union-attr]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.excinfo is not None:  # of what prepares a check, for that itself has only begun
            self.ended(item, Ended(call.excinfo.value, call.duration))
        return report


def _matches(item: pytest.Item, only: str) -> bool:
    function = getattr(_function(item), "__name__", item.name)
    return answers.matches(only, _promise(item), function, answers.place(_parameters(item)))


def _promise(item: pytest.Item) -> str:
    return (getattr(_function(item), "__doc__", None) or item.name).strip().splitlines()[0]


def _function(item: pytest.Item) -> object:
    return getattr(item, "function", None)


def _parameters(item: pytest.Item) -> Mapping[str, object]:
    call = getattr(item, "callspec", None)
    return call.params if call else {}


def _is_about_something(item: pytest.Item) -> bool:
    """False for the one item pytest makes of a check that has no host, address or domain to look at."""
    return item.get_closest_marker("skip") is None


def main() -> int:
    """Run the checks; pytest's status."""
    served.path = told().socket
    sys.stdout = sys.stderr
    with tempfile.TemporaryDirectory(prefix="pw-root-") as root:
        os.chdir(root)
        options = [
            "--capture=no",
            "--tb=short",
            "--color=no",
            "-p",
            "no:cacheprovider",
            f"--rootdir={root}",
            "-c",
            "/dev/null",
        ]
        status = int(pytest.main([*options, "--pyargs", "postwright.checks"], plugins=[Reporter()]))
        os.chdir("/")
    sys.__stdout__.write(END)  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    return status


if __name__ == "__main__":
    with contextlib.suppress(EOFError):  # the parent ended, and nobody wants to know
        status = main()
        sys.stderr.flush()
        os._exit(status)  # after an interruption, threads may still wait for a host
