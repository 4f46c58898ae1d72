"""What systemd expects of a service, without its library: sd_notify(3) and sd_listen_fds(3).

Without systemd nothing happens.
"""

from __future__ import annotations

import os
import socket

_FIRST = 3


def notify(text: str) -> None:
    """Tell systemd; nobody may be listening."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    if path.startswith("@"):
        path = "\0" + path[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
        try:
            end.sendto(text.encode(), path)
        except OSError:
            return


def handed_over(name: str) -> socket.socket | None:
    """The listening socket of this FileDescriptorName."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = int(os.environ.get("LISTEN_FDS") or 0)
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    for number in range(_FIRST, _FIRST + count):
        if names[number - _FIRST : number - _FIRST + 1] == [name]:
            os.set_inheritable(number, False)
            return socket.socket(fileno=number)
    return None
