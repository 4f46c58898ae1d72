"""The numbers of the agent in Prometheus' text format (version 0.0.4), and the few lines of HTTP that hand them out.

Promise: reads only, answers nothing but GET /metrics, reads at most 8 KiB of a request and waits at most five seconds for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from .books import Books
from .config import DEFAULT
from .status import status

LONGEST = 8192
_SECONDS = 5.0
_PREFIX = "postwright_pacing_"
_TODAY = ("attempted", "delivered", "deferred", "throttled", "bounced", "blocked", "complaints", "bypassed")
_CLOSED = ("suspended", "stopped", "paused", "absent")
Row = tuple[str, str, Callable[[dict[str, Any]], Any]]

_GAUGES: tuple[Row, ...] = (
    ("stage", "Stage of the plan, counted from 1; 0 for warm.", lambda it: 0 if it["stage"] == "warm" else it["stage"]),
    ("limit_hour", "Messages the budget allows in this clock hour.", lambda it: it["limits"]["hour"]),
    ("limit_day", "Messages the budget allows on this UTC day.", lambda it: it["limits"]["day"]),
    ("used_hour", "Tokens taken in this clock hour.", lambda it: it["used"]["hour"]),
    ("used_day", "Tokens taken on this UTC day.", lambda it: it["used"]["day"]),
    ("held", "Messages held until budget returns.", lambda it: it["held"]),
    ("oldest_held_seconds", "Age of the oldest held message.", lambda it: it.get("age")),
    ("outstanding", "Messages passed whose result is not known yet.", lambda it: it["outstanding"]),
    (
        "closed",
        "1 if nothing may leave: suspended, stopped, paused, or its address absent.",
        lambda it: int(it["mode"] in _CLOSED),
    ),
    *((f"{key}_today", f"Messages of this UTC day: {key}.", lambda it, key=key: it["today"][key]) for key in _TODAY),
)


def text(books: Books, unknown_held: int) -> str:
    """All metrics; a number that does not exist (a limit of a warm lane) has no line."""
    said = status(books, unknown_held)
    for lane in said["lanes"]:
        lane["age"] = said["clock"]["wall"] - lane["oldest_held"] if lane["oldest_held"] else None
    lines = [line for row in _GAUGES for line in _gauge(row, said)]
    lines += _single("unknown_held", "Messages on hold that the agent did not put there.", unknown_held)
    lines += _single("problems", "Things that are not as they should be; status tells them.", len(said["problems"]))
    return "\n".join(lines) + "\n"


def _gauge(row: Row, said: dict[str, Any]) -> Iterator[str]:
    name, what, value = row
    yield from _head(name, what)
    for lane in said["lanes"]:
        if (number := value(lane)) is not None:
            labels = {"lane": lane["lane"], "address": lane["address"], "provider": lane["provider"]}
            labels |= {"pool": lane["pool"]} if lane["pool"] != DEFAULT else {}
            yield f"{_PREFIX}{name}{{{_labels(labels)}}} {number}"
    for budget in said["domains"]:
        if (number := value(budget)) is not None:
            yield f"{_PREFIX}{name}{{{_labels({'domain': budget['domain'], 'provider': budget['provider']})}}} {number}"


def _single(name: str, what: str, number: int) -> list[str]:
    return [*_head(name, what), f"{_PREFIX}{name} {number}"]


def _head(name: str, what: str) -> list[str]:
    return [f"# HELP {_PREFIX}{name} {what}", f"# TYPE {_PREFIX}{name} gauge"]


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


async def serve(address: tuple[str, int], page: Callable[[], str]) -> asyncio.Server:
    """Listen; OSError if the port is taken."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, page))
                await writer.drain()
        writer.close()

    return await asyncio.start_server(client, *address, limit=LONGEST)


def _response(head: bytes, page: Callable[[], str]) -> bytes:
    line = head.split(b"\r\n", 1)[0].split(b" ")
    if line[0] not in (b"GET", b"HEAD"):
        return _http("405 Method Not Allowed", "only GET\n")
    if len(line) < 2 or line[1].split(b"?")[0] != b"/metrics":  # noqa: PLR2004 - method and path
        return _http("404 Not Found", "see /metrics\n")
    return _http("200 OK", page(), head=line[0] == b"HEAD")


def _http(status_line: str, body: str, *, head: bool = False) -> bytes:
    data = body.encode()
    kind = "text/plain; version=0.0.4; charset=utf-8"
    start = (
        f"HTTP/1.1 {status_line}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
    )
    return start.encode() + (b"" if head else data)
