"""Looks through the whole mail queue for messages signed with given keys. Changes nothing.

Every queue counts: what is deferred will be tried again, what is on hold may be released years from now. A message is read
as Postfix would send it, so a signature the milter added is found wherever it is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from postwright.hosts.remote.common import answer, fail, run

_MOST = 20_000  # messages read; a longer queue is told as such
_IDS = 20  # named per key
_SIGNATURE = re.compile(r"^DKIM-Signature:((?:.*\n)(?:[ \t].*\n)*)", re.MULTILINE | re.IGNORECASE)


def messages() -> list[dict[str, Any]]:
    """The queue, oldest first: id, queue and arrival of each message."""
    shown = run("postqueue", "-j")
    if shown.returncode:
        fail(f"postqueue -j: {shown.stderr}")
    found = [json.loads(line) for line in shown.stdout.splitlines()]
    return sorted(found, key=lambda message: message["arrival_time"])


def signers(queue_id: str) -> set[tuple[str, str]] | None:
    """The (d=, s=) of each signature of a message; None if it cannot be read, for instance because it has just left."""
    shown = run("postcat", "-hq", queue_id)
    if shown.returncode:
        return None
    return {
        (tags["d"].lower(), tags["s"])
        for tags in map(tags_of, _SIGNATURE.findall(shown.stdout))
        if {"d", "s"} <= tags.keys()
    }


def tags_of(header: str) -> dict[str, str]:
    """The tags of a signature, white space left out."""
    pairs = (tag.partition("=") for tag in re.sub(r"\s", "", header).split(";"))
    return {name: value for name, _, value in pairs}


def readable(queue: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], set[tuple[str, str]]]]:
    """Each message that is still there, with who signed it; one that is there but cannot be read ends the script."""
    with ThreadPoolExecutor(4) as pool:
        for message, found in zip(queue, pool.map(lambda it: signers(it["queue_id"]), queue), strict=True):
            if found is not None:
                yield message, found
            elif any(it["queue_id"] == message["queue_id"] for it in messages()):
                fail(
                    f"message {message['queue_id']} is in the queue and cannot be read; see `postcat -q {message['queue_id']}`"
                )


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    keys = {(domain, selector): [] for domain, selector in request["keys"]}  # type: dict[tuple[str, str], list[dict[str, Any]]]
    queue = messages()
    for message, found in readable(queue[:_MOST]):
        for key in found & keys.keys():
            keys[key].append(message)
    more = len(queue) > _MOST
    rows = [
        {
            "domain": domain,
            "selector": selector,
            "count": len(held),
            "held": sum(message["queue_name"] == "hold" for message in held),
            "oldest": held[0]["arrival_time"] if held else 0,
            "ids": [message["queue_id"] for message in held[:_IDS]],
            "more": more,
        }
        for (domain, selector), held in keys.items()
        if held or more
    ]
    answer(found=rows)
