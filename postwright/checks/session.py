"""The checks' process: pytest over this package; a JSON line per result on standard output."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Generator

import pytest

from postwright.checks.context import END
from postwright.checks.unknown import UnknownError


class Reporter:
    """Writes a line for each check as soon as it is known."""

    def __init__(self) -> None:
        self.unknown: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        if call.excinfo is not None and isinstance(call.excinfo.value, UnknownError):
            self.unknown.add(item.nodeid)
        report = yield
        if call.when == "call" or report.failed:
            _write(item, report, call, unknown=item.nodeid in self.unknown)
        return report


def _write(item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None], *, unknown: bool) -> None:
    reason = "" if call.excinfo is None else _first_line(str(call.excinfo.value)) or type(call.excinfo.value).__name__
    function = getattr(item, "function", None)
    line = {
        "promise": (getattr(function, "__doc__", None) or item.name).strip().splitlines()[0],
        "where": item.name.partition("[")[2].rstrip("]") or "fleet",
        "outcome": "ok" if report.passed else "unknown" if unknown else "failed",
        "reason": "" if report.passed else reason,
        "seconds": round(call.duration, 3),
    }
    sys.__stdout__.write(json.dumps(line) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def _first_line(text: str) -> str:
    """An assertion's own message, or the comparison pytest made of it."""
    return next((line for line in text.splitlines() if line.strip()), "")


def main() -> int:
    only = ["-k", sys.argv[1]] if len(sys.argv) > 1 else []
    sys.stdout = sys.stderr
    with tempfile.TemporaryDirectory(prefix="pw-root-") as root:
        options = ["--capture=sys", "--tb=short", "-p", "no:cacheprovider", f"--rootdir={root}", "-c", "/dev/null"]
        status = int(pytest.main([*options, *only, "--pyargs", "postwright.checks"], plugins=[Reporter()]))
    sys.__stdout__.write(END)  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    return status


if __name__ == "__main__":
    sys.exit(main())
