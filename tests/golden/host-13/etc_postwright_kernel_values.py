"""Whether the kernel's settings are those of postwright's file. Runs on the host.

Exit status 1 and a line on standard error for each that is not. What this host cannot set at all, for it is a container
or its kernel knows no such thing, is named on standard output and is no problem.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator

SETTINGS = "/etc/sysctl.d/90-postwright.conf"
PROC = "/proc/sys/"


def wanted() -> Iterator[tuple[str, str]]:
    """Key and value of each line."""
    with open(SETTINGS, encoding="utf-8") as lines:  # noqa: PTH123
        for line in lines:
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                yield key.strip(), value.strip()


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        return file.read().strip()


def main() -> None:
    """Look at each."""
    wrong = []
    for key, value in wanted():
        paths = glob.glob(PROC + key.replace(".", "/"))  # noqa: PTH207
        fixed = [path for path in paths if not os.access(path, os.W_OK)]
        if fixed or not paths:
            print(f"{key} cannot be set here")  # noqa: T201
        wrong += [f"{path} is {read(path)}, not {value}" for path in paths if path not in fixed and read(path) != value]
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
