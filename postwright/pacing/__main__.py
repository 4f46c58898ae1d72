"""``python3 -m pacing agent|check FILE`` and ``keeper``: the programs of a mail host, and the check of a configuration."""

from __future__ import annotations

import asyncio
import sys

USAGE = "usage: python3 -m pacing agent FILE | keeper | check FILE"


def main(arguments: list[str]) -> int:
    """Exit status: 0 done, 1 the configuration has problems, 2 wrong usage."""
    if arguments == ["keeper"]:
        return _keeper()
    if len(arguments) == 2 and arguments[0] in {"agent", "check"}:  # noqa: PLR2004 - a verb and a file
        return _agent(arguments[1]) if arguments[0] == "agent" else _check(arguments[1])
    print(USAGE, file=sys.stderr)  # noqa: T201 - it is a program
    return 2


def _check(path: str) -> int:
    """Print every problem of the file."""
    from .config import ConfigError, read  # noqa: PLC0415 - each program loads what it needs

    try:
        read(path)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _agent(path: str) -> int:
    from pathlib import Path  # noqa: PLC0415

    from .agent import Agent, Paths  # noqa: PLC0415
    from .config import read  # noqa: PLC0415

    if _check(path):
        return 1

    async def life() -> None:
        await Agent(Paths(Path(path)), read(path)).run()

    asyncio.run(life())
    return 0


def _keeper() -> int:
    from .keeper import main as keeper  # noqa: PLC0415

    return keeper()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
