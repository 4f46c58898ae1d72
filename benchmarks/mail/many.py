"""Sends messages of one recipient each to many domains in turn, over a few sessions. Runs on the host: plain Python 3.11.

Usage: python3 - MESSAGES DOMAINS ZONE SESSIONS < many.py
"""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

LINES = ("x" * 70 + "\r\n") * 68  # with the header about as long as what smtp-source sends


def reply(file: object, code: bytes) -> None:
    """The last line of one reply, which must begin like that."""
    while (line := file.readline())[3:4] == b"-":  # type: ignore[attr-defined]
        pass
    if not line.startswith(code):
        raise SystemExit(f"the host said {line!r}")


def session(domains: list[str]) -> None:
    """A message to each, over one connection."""
    with socket.create_connection(("127.0.0.1", 25)) as connection, connection.makefile("rb") as file:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reply(file, b"220")
        connection.sendall(b"EHLO bench.test\r\n")
        reply(file, b"250")
        for domain in domains:
            connection.sendall(f"MAIL FROM:<news@shop.test>\r\nRCPT TO:<user@{domain}>\r\nDATA\r\n".encode())
            for code in (b"250", b"250", b"354"):
                reply(file, code)
            text = f"From: <news@shop.test>\r\nTo: <user@{domain}>\r\nSubject: bench\r\nMIME-Version: 1.0\r\n\r\n{LINES}.\r\n"
            connection.sendall(text.encode())
            reply(file, b"250")
        connection.sendall(b"QUIT\r\n")
        reply(file, b"221")


def main(messages: str, domains: str, zone: str, sessions: str) -> None:
    """All sessions at a time."""
    names = [f"d{number % int(domains)}.{zone}" for number in range(int(messages))]
    with ThreadPoolExecutor(int(sessions)) as threads:
        list(threads.map(session, [names[start :: int(sessions)] for start in range(int(sessions))]))


if __name__ == "__main__":
    main(*sys.argv[1:])
