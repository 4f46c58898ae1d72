"""Whether the kernel's settings are those of postwright's file, or stricter; ``set`` makes them so. Runs on the host.

Exit status 1 and a line on standard error for each that is not. What this host cannot set at all, for it is a container
or its kernel knows no such thing, is named on standard output and is no problem.
"""

from __future__ import annotations

import contextlib
import glob
import os
import sys
from collections.abc import Iterator

SETTINGS = "/etc/sysctl.d/90-postwright.conf"
PROC = "/proc/sys/"
# Values that do more of the same than ours: strict filtering of sources; tracing by root alone, or by nobody until a reboot.
STRICTER = {"rp_filter": ("1",), "ptrace_scope": ("2", "3")}


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


def holds(path: str, value: str) -> bool:
    return read(path) in (value, *STRICTER.get(os.path.basename(path), ()))  # noqa: PTH119


def wrong() -> Iterator[tuple[str, str]]:
    """Path and value of each that could be set and is not."""
    for key, value in wanted():
        paths = glob.glob(PROC + key.replace(".", "/"))  # noqa: PTH207
        fixed = [path for path in paths if not os.access(path, os.W_OK)]
        if fixed or not paths:
            print(f"{key} cannot be set here")  # noqa: T201
        yield from ((path, value) for path in paths if path not in fixed and not holds(path, value))


def main(arguments: list[str]) -> None:
    """Look at each, or set it."""
    if arguments == ["set"]:
        for path, value in wrong():
            with contextlib.suppress(OSError), open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
                file.write(value)
        return
    sys.exit("\n".join(f"{path} is {read(path)}, not {value}" for path, value in wrong()) or 0)


if __name__ == "__main__":
    main(sys.argv[1:])
