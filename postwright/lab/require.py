"""``python -m postwright.lab.require``: whether a lab can stand on this machine.

Exits 0 if so, else prints the one reason and exits 1. With ``--install`` it first installs missing Debian packages;
nothing else here ever does.
"""

from __future__ import annotations

import subprocess
import sys

from postwright.lab.machine import missing_packages, problem


def main(arguments: list[str]) -> int:
    if arguments == ["--install"] and (missing := missing_packages()):
        install(missing)
    elif arguments not in ([], ["--install"]):
        sys.stderr.write("usage: python -m postwright.lab.require [--install]\n")
        return 2
    reason = problem()
    if reason:
        sys.stderr.write(f"lab: {reason}\n")
    return 1 if reason else 0


def install(packages: list[str]) -> None:
    """By apt-get, without questions; its output goes to stderr, its failure shows as a program still missing."""
    for arguments in (["update", "-q"], ["install", "-qy", "--no-install-recommends", *packages]):
        command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *arguments]
        subprocess.run(command, stdout=sys.stderr, check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
