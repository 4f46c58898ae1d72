"""Runs a program of the machine, and says plainly what failed.

Promise: arguments are lists, never a shell line; secrets go through standard input or files, never through arguments.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from postwright.errors import LabError
from postwright.lab.locks import handed_down

_TAIL = 12


def search_path() -> str:
    """Where programs are looked for: also where root's are, if the caller's PATH lacks it."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def run(*argv: str | Path, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run to the end; a failure is a LabError that shows the last lines the program wrote."""
    command, environment = [str(arg) for arg in argv], os.environ | {"PATH": search_path()}
    done = subprocess.run(
        command,
        input=stdin or "",
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        pass_fds=handed_down(),
    )
    if check and done.returncode:
        raise LabError(f"lab: {argv[0]} failed ({done.returncode}): {tail(done.stderr or done.stdout)}")
    return done


def tail(text: str) -> str:
    """The last lines of a log, for an error text."""
    return "\n  ".join(text.strip().splitlines()[-_TAIL:]) or "it said nothing"
