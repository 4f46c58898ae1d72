"""``python3 -m postwright.limits serve FILE DATABASE`` and ``check FILE``: the program of a mail host."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from postwright.limits.config import ConfigError, read
from postwright.limits.counts import Counts
from postwright.limits.limiter import Limiter
from postwright.pacing import systemd
from postwright.pacing.server import Client, Complaints

USAGE = "usage: python3 -m postwright.limits serve FILE DATABASE | check FILE"
# The path of a socket that systemd listens on stays when we end; from Python 3.13 on asyncio would remove it.
_KEPT: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}


def main(arguments: list[str]) -> int:
    """Exit status: 0 done, 1 the configuration cannot be used, 2 wrong usage."""
    try:
        match arguments:
            case ["check", path]:
                read(Path(path))
            case ["serve", path, database]:
                asyncio.run(_serve(Path(path), Path(database)))
            case _:
                _log(USAGE)
                return 2
    except ConfigError as error:
        _log(str(error))
        return 1
    return 0


async def _serve(path: Path, database: Path) -> None:
    complain, clients = Complaints(_log), set[Client]()
    counts = Counts(database)
    over = asyncio.Event()
    limiter = Limiter(path, counts, complain, over.set)
    listener = systemd.handed_over("policy")
    if listener is None:
        raise ConfigError("systemd hands over no socket; start postwright-limits.socket")
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_unix_server(
        lambda: Client(limiter, complain, clients), sock=listener, backlog=1024, **_KEPT
    )
    systemd.notify("READY=1")
    await over.wait()
    server.close()
    for client in list(clients):
        client.close()
    counts.close()


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - it is a program


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
