"""Tells which states of its files a host keeps, or all about one of them. Changes nothing.

The text of a secret file never leaves the host: it is put back from the copy that lies there.
"""

from __future__ import annotations

from typing import Any

from postwright.hosts.remote.common import answer, fail, run, text_of
from postwright.hosts.remote.keeping import begun, copy_of, lost, managed, numbers, present, record


def summary(number: int, now: int | None, cut_off: tuple[int, int | None] | None) -> dict[str, Any]:
    """A line of the list. ``cut_off``: what was being put in place when a run ended early, and what to go back to."""
    noted = record(number)
    kept = {name: noted[name] for name in ("number", "time", "before", "found", "changed")}
    if half := cut_off is not None and cut_off[0] == number:
        kept["before"] = cut_off[1]
    return {**kept, "present": number == now, "begun": half, "lost": lost(number, noted["files"])}


def public_half(number: int, path: str) -> str:
    """PEM of the public half of a private key that a state has; empty if it has none."""
    return run("openssl", "pkey", "-pubout", "-in", str(copy_of(number, path))).stdout


def whole(number: int, keys: list[str]) -> dict[str, Any]:
    """All of a state, with the text of what is not secret. ``keys``: the files of which the public half is asked for."""
    if number not in numbers():
        known = ", ".join(map(str, numbers())) or "none"
        fail(f"there is no generation {number} on this host; there are {known}")
    noted = record(number)
    texts = {it["path"]: text_of(copy_of(number, it["path"])) for it in noted["files"] if not it["secret"]}
    public = {it["path"]: public_half(number, it["path"]) for it in noted["files"] if it["path"] in keys}
    return {**noted, "texts": texts, "public": public, "lost": lost(number, noted["files"]), "managed": managed()}


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    if (number := request.get("number")) is not None:
        answer(generation=whole(number, request["keys"]))
        return
    now, cut_off = present(), begun()
    answer(generations=[summary(number, now, cut_off) for number in numbers()])
