"""Serves Postfix on the socket systemd has opened, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

from .memory import Answer
from .netstrings import BadNetstringError, encoded, read

FIRST_SOCKET = 3  # sd_listen_fds(3)


async def converse(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one client's questions in their order, until it ends or speaks something else."""
    try:
        while (question := await read(reader)) is not None:
            reply = await answer(question)
            if reply.startswith("TEMP"):
                print(f"{question}: {reply}", file=sys.stderr, flush=True)  # noqa: T201 - the journal
            writer.write(encoded(reply))
            await writer.drain()
    except (BadNetstringError, ConnectionError) as error:
        print(f"a client is turned away: {error!r}", file=sys.stderr, flush=True)  # noqa: T201
    finally:
        writer.close()


async def serve(answer: Answer, listening: socket.socket) -> None:
    """Until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await asyncio.start_unix_server(lambda *streams: converse(answer, *streams), sock=listening)
    notify("READY=1")
    await stopped.wait()
    server.close()


def notify(state: str) -> None:
    """Tell systemd (sd_notify(3)), if it started us."""
    if path := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.sendto(state.encode(), "\0" + path[1:] if path.startswith("@") else path)
