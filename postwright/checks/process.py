"""The process the checks run in, as its parent sees it. Standard library only, so that it can be started before all else.

It loads what it needs, then waits to be told what to check. It ends with its parent, whose end is the end of its input.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

_waiting: list[subprocess.Popen[str]] = []


def start() -> None:
    """Have the process ready soon."""
    if not _waiting:
        # Nothing of the operator's own pytest may have a say: neither plugins, nor options, nor (by the folder it runs in,
        # which is the process's own) a tests/conftest.py.
        alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
        words = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it lives as long as the process
        process = subprocess.Popen(
            [sys.executable, "-m", "postwright.checks.session"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            env={**os.environ, **alone},
        )
        process.stderr = words
        _waiting.append(process)


def taken() -> subprocess.Popen[str]:
    """The process, to be told what to check; ``stderr`` is a file that holds what it said there."""
    start()
    return _waiting.pop()


def stop() -> None:
    """End the process if it has not been taken."""
    while _waiting:
        with _waiting.pop() as process:
            process.kill()
