"""The checks' process: pytest over this package; a JSON line per result on standard output."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Generator, Mapping

import pytest

from postwright.checks import answers
from postwright.checks.context import END


class Reporter:
    """Chooses the checks that match ``only``, and writes a line for each as soon as it is known."""

    def __init__(self, only: str) -> None:
        self.only = only
        self.unknown: set[str] = set()

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if _is_about_something(item) and self._matches(item)]
        left_out = set(items) - set(chosen)
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = chosen

    def _matches(self, item: pytest.Item) -> bool:
        function = getattr(_function(item), "__name__", item.name)
        return answers.matches(self.only, _promise(item), function, _where(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.excinfo is not None and answers.unanswered(call.excinfo.value):
            self.unknown.add(item.nodeid)
        report = yield
        if call.when == "call" or report.failed or report.skipped:
            _write(item, report, call, unknown=item.nodeid in self.unknown)
        return report


def _write(item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None], *, unknown: bool) -> None:
    line = {
        "promise": _promise(item),
        "where": _where(item),
        "outcome": _outcome(report, unknown=unknown),
        "reason": "" if report.passed or call.excinfo is None else answers.reason(call.excinfo.value),
        "seconds": round(call.duration, 3),
    }
    sys.__stdout__.write(json.dumps(line) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def _outcome(report: pytest.TestReport, *, unknown: bool) -> str:
    if report.skipped:
        return "skipped"
    return "ok" if report.passed else "unknown" if unknown else "failed"


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


def _where(item: pytest.Item) -> str:
    return answers.place(_parameters(item))


def main() -> int:
    reporter = Reporter(sys.argv[1] if len(sys.argv) > 1 else "")
    sys.stdout = sys.stderr
    with tempfile.TemporaryDirectory(prefix="pw-root-") as root:
        options = [
            "--capture=sys",
            "--tb=short",
            "--color=no",
            "-p",
            "no:cacheprovider",
            f"--rootdir={root}",
            "-c",
            "/dev/null",
        ]
        status = int(pytest.main([*options, "--pyargs", "postwright.checks"], plugins=[reporter]))
    sys.__stdout__.write(END)  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    return status


if __name__ == "__main__":
    sys.exit(main())
