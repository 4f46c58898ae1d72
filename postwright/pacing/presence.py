"""Which of our addresses are not on this host: Postfix could not send from them (smtp_bind_address_enforce).

Promise: asks the kernel for exactly what Postfix asks it for, to bind a socket to the address; sends nothing.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable


def absent(addresses: Iterable[str]) -> frozenset[str]:
    """Those no socket can be bound to. What cannot be found out counts as there: Postfix will say."""
    return frozenset(ip for ip in addresses if not _bindable(ip))


def _bindable(ip: str) -> bool:
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((ip, 0))
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True
