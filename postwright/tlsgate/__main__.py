"""``python3 -m tlsgate RESOLVER-SOCKET [everywhere]``, started by systemd with a socket; ``check`` only imports."""

from __future__ import annotations

import asyncio
import socket
import sys

from .dane import Dane
from .gate import Gate
from .memory import Memory
from .server import FIRST_SOCKET, serve


def main(arguments: list[str]) -> None:
    if arguments == ["check"]:
        import dns.asyncresolver  # noqa: F401, PLC0415 - is it installed?

        return
    resolver, *options = arguments
    gate = Gate(resolver, Dane(), everywhere=options == ["everywhere"])
    asyncio.run(serve(Memory(gate.answer).answer, socket.socket(fileno=FIRST_SOCKET)))


main(sys.argv[1:])
