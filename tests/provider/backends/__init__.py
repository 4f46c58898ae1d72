"""What the contract tests run against: one module per kind of provider, each with ``start(directory) -> Backend``.

Promise: a backend is the real thing where it can run here, on free ports of 127.0.0.1, started and ended by us. Its outsider
shares no code with postwright, so what the outsider sees is what is there. Nothing here asserts; tests do.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from postwright.model import Cloudflare, Octodns, Rfc2136, Zonefile

SLOTS = 240  # zones each backend has; a test takes one
START_SECONDS = 20


class Outsider(Protocol):
    """Everybody else with access to one zone; by default TTL 777, which nothing of ours has."""

    def txt(self, name: str, *values: tuple[bytes, ...], ttl: int = 777) -> None:
        """Add TXT values, each a tuple of raw strings."""

    def add(self, name: str, rdtype: str, value: str, ttl: int = 777) -> None: ...
    def delete(self, name: str, rdtype: str, *value: str) -> None: ...

    def strings(self, name: str) -> set[tuple[bytes, ...]]:
        """The TXT values as they are on the wire."""

    def texts(self, name: str) -> set[str]:
        """The TXT values as a receiver joins them, an octet per character."""

    def values(self, name: str, rdtype: str) -> set[str]: ...
    def ttl(self, name: str, rdtype: str) -> int: ...


class Backend(Protocol):
    """A provider's other side, as long as the session lasts.

    ``secrets``: what no message, repr or log may ever hold. ``endpoint``: where its provider connects to, so that a test can
    put something between (``provider(project, through=port)``); None where nothing can be put there.
    """

    kind: str
    secrets: tuple[str, ...]
    endpoint: tuple[str, int] | None

    def stop(self) -> None: ...

    def zones(self, slot: int) -> tuple[str, str]:
        """A slot's forward and reverse zone: SOA, NS ns1, and in the forward one ns1 A and the delegation child NS ns1.child."""

    def provider(self, project: Path, **changes: Any) -> Rfc2136 | Cloudflare | Octodns | Zonefile:
        """The inventory's words for it, with changes; writes its secret file, mode 0600, into ``project``.

        ``text``: another text for the secret. ``through``: connect to this port of 127.0.0.1 instead of the endpoint's.
        """

    def zone_fields(self, zone: str) -> dict[str, Any]:
        """Further keyword arguments of ``model.Zone`` for that zone."""

    def outsider(self, zone: str) -> Outsider: ...

    def settle(self, project: Path) -> None:
        """Do what a person has to do after PasteNeeded; nothing for a provider that writes by itself."""


def zones_of(slot: int) -> tuple[str, str]:
    """The names of a slot's two zones."""
    return f"t{slot}.example", f"0.{slot}.10.in-addr.arpa"


def zone_texts() -> Iterator[tuple[str, str]]:
    """Every zone of every slot as (name, zone file) at the start of a session.

    ``child`` is delegated to a server that is not there, ``own`` to the zone's own server, which so holds parent and child.
    """
    for slot in range(1, SLOTS + 1):
        forward, reverse = zones_of(slot)
        head = f"$TTL 3600\n@ SOA ns1.{forward}. hostmaster.{forward}. 1 3600 600 86400 60\n@ NS ns1.{forward}.\n"
        yield forward, f"{head}ns1 A 127.0.0.1\nchild NS ns1.child\nns1.child A 127.0.0.1\nown NS ns1\n"
        yield f"own.{forward}", f'{head}@ TXT "of the child"\nthere TXT "of the child"\nthere A 192.0.2.9\n'
        yield reverse, head


def secret_file(project: Path, name: str, text: str) -> Path:
    """Write a secret as an operator would, and return its path for a SecretSource."""
    file = project / name
    file.touch(0o600)
    file.write_text(f"{text}\n")
    file.chmod(0o600)
    return Path(name)


def free_port() -> int:
    """A port of 127.0.0.1 free for both UDP and TCP."""
    for _ in range(50):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free for both UDP and TCP")
