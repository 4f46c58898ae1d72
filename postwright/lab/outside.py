"""Whether the lab's hosts reach what is outside: the Debian mirror, by name.

Promise: an answer within seconds; the lab itself works without.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from postwright.lab import guest, machine
from postwright.lab.layout import TRIXIE, Layout
from postwright.lab.mirror import sources

_TRY = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close()
"""


def unreachable(layout: Layout) -> str | None:
    """Why apt-get will not work inside the lab, or None."""
    mirror = urlsplit(sources(TRIXIE)[0].split()[2])
    name, port = mirror.hostname or "", mirror.port or (443 if mirror.scheme == "https" else 80)
    if not machine.resolvers():
        return "this machine has no name server a lab host can reach (only loopback): apt-get will not work inside"
    done = guest.run(layout, "ns", ["timeout", "8", "python3", "-c", _TRY, name, str(port)], check=False)
    if done.returncode:
        return f"lab hosts cannot reach {name} port {port}: apt-get will not work inside; does a firewall forbid forwarding?"
    return None
