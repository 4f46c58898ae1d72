"""Runs the checks in a process of their own and collects what each said."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from postwright.checks import process
from postwright.checks.context import END, Told
from postwright.errors import PostwrightError, UsageError
from postwright.hosts import runner
from postwright.inventory import Project

_NOTHING_CHOSEN = 5  # pytest's status
Outcome = Literal["ok", "failed", "unknown", "skipped"]


@dataclass(frozen=True)
class Result:
    """One check at one place: what it promises, how it came out, and the reason if not well."""

    promise: str
    where: str
    outcome: Outcome
    reason: str
    seconds: float


@dataclass(frozen=True)
class Results:
    """All checks of a run."""

    results: tuple[Result, ...]

    @property
    def all_ok(self) -> bool:
        """Whether every promise was proven that a host in its present state can keep."""
        outcomes = {result.outcome for result in self.results}
        return "ok" in outcomes and outcomes <= {"ok", "skipped"}

    def count(self, outcome: Outcome) -> int:
        return Counter(result.outcome for result in self.results)[outcome]

    def to_json(self) -> dict[str, Any]:
        counts = {outcome: self.count(outcome) for outcome in ("ok", "failed", "unknown", "skipped")}
        return {"all_ok": self.all_ok, **counts, "checks": [asdict(result) for result in self.results]}


def run(project: Project, only: str | None, report: Callable[[str], None]) -> Results:
    """Run all checks, or those whose promise, name or place contains ``only``; each result's line goes to ``report``.

    They ask hosts over the connections this command has. UsageError if there is no such check.
    """
    checks = process.taken()
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    with (
        checks,
        tempfile.TemporaryDirectory(prefix="pw-", dir=runtime) as folder,
        runner.serving(project, Path(folder) / "hosts"),
    ):
        told = Told(inventory=project.inventory, fleet=project.fleet, socket=f"{folder}/hosts", only=only or "")
        results = _collect(checks, told, report)
    if not results.results:
        raise UsageError(_nothing_matches(project, only or ""))
    return results


def _nothing_matches(project: Project, only: str) -> str:
    host = project.fleet.hosts[0]
    domains = [f"a domain ({domain.name})" for domain in project.fleet.domains[:1]]
    places = ", ".join((f"a host ({host.name})", *domains, f"an address ({host.addresses[0].ip})"))
    return (
        f"no check matches {only!r}; try {places}, a service (opendkim) or a word of a promise (TLS), or leave out -k"
    )


def _collect(checks: subprocess.Popen[str], told: Told, report: Callable[[str], None]) -> Results:
    if checks.stdin is None or checks.stdout is None or checks.stderr is None:
        raise AssertionError
    with contextlib.suppress(BrokenPipeError), checks.stdin:  # if it has ended, its status tells
        checks.stdin.write(told.model_dump_json())
    found: dict[int, Result] = {}
    for line in iter(checks.stdout.readline, END):
        if not line:
            break
        said = json.loads(line)
        number = said.pop("number")
        result = found[number] = Result(**said)
        report(f"{result.where}: {result.promise}")
    status = checks.wait()
    if (status > 1 or not found) and not (told.only and status == _NOTHING_CHOSEN):
        checks.stderr.seek(0)
        msg = f"the checks could not be run (pytest status {status}):\n{checks.stderr.read().strip()[-2000:]}"
        raise PostwrightError(msg)
    return Results(tuple(result for _, result in sorted(found.items())))
