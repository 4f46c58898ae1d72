"""When, on what machine and with which versions something was measured, as a line for a page of results."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

CONSTRAINTS = Path(__file__).parent / "ansible" / "constraints.txt"


def measured(by: str, loads: tuple[float, float]) -> str:
    """``loads``: the load average of a minute before and after; what else ran on the machine is in it."""
    when, (before, after) = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", loads
    return f"Made by `{by}` on {when} at commit {commit()}. {machine()}; load {before:.1f} before, {after:.1f} after. {versions()}."


def machine() -> str:
    """Processor, cores, memory and kernel."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({found[1] if found else platform.machine()}), {memory:.0f} GiB, Linux {platform.release()}"


def versions() -> str:
    """Of what is compared and of what measures."""
    ansible = re.search(r"ansible-core==(\S+)", CONSTRAINTS.read_text())
    programs = (_said("hyperfine", "--version"), _said("ssh", "-V").partition(",")[0])
    return f"Python {platform.python_version()}, pyinfra {version('pyinfra')}, ansible-core {ansible[1] if ansible else '?'}, {', '.join(programs)}"


def commit() -> str:
    """The commit this is; with a plus where something is changed."""
    here = ["git", "-C", str(Path(__file__).parent)]
    changed = _said(
        *here, "status", "--porcelain", "--untracked-files=no", "--", "../postwright", "../deploys", "../templates"
    )
    return _said(*here, "rev-parse", "--short", "HEAD") + ("+" if changed else "")


def _said(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip()
