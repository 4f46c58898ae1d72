"""Runs the checks in a process of their own and collects what each said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from postwright.checks.context import END, VARIABLE, Told
from postwright.errors import PostwrightError, UsageError
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

    UsageError if there is no such check.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    with tempfile.TemporaryDirectory(prefix="pw-", dir=runtime) as folder:
        told = Told(inventory=project.inventory, fleet=project.fleet, control_path=f"{folder}/%%C")
        document = Path(folder) / "told.json"
        document.write_text(told.model_dump_json(), encoding="utf-8")
        try:
            results = _collect(document, only, report)
        finally:
            _close_connections(Path(folder))
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


def _collect(document: Path, only: str | None, report: Callable[[str], None]) -> Results:
    command = [sys.executable, "-m", "postwright.checks.session", *([only] if only else [])]
    # Nothing of the operator's own pytest may have a say: neither plugins, nor options, nor (by the folder it runs in)
    # a tests/conftest.py.
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    environment = {**os.environ, **alone, VARIABLE: str(document)}
    found: list[Result] = []
    log = document.with_name("log")
    with (
        log.open("w", encoding="utf-8") as words,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=words, text=True, env=environment, cwd=document.parent
        ) as process,
    ):
        if process.stdout is None:
            raise AssertionError
        # Not until the end of the file: the shared SSH connections keep the pipe open beyond the process's own end.
        for line in iter(process.stdout.readline, END):
            if not line:
                break
            result = Result(**json.loads(line))
            found.append(result)
            report(f"{result.where}: {result.promise}")
        status = process.wait()
    if (status > 1 or not found) and not (only and status == _NOTHING_CHOSEN):
        msg = (
            f"the checks could not be run (pytest status {status}):\n{log.read_text(encoding='utf-8').strip()[-2000:]}"
        )
        raise PostwrightError(msg)
    return Results(tuple(found))


def _close_connections(folder: Path) -> None:
    """End the SSH connections the checks shared; their sockets stand in this folder."""
    for socket in folder.iterdir():
        if socket.is_socket():
            subprocess.run(
                ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "checks"], capture_output=True, check=False
            )
