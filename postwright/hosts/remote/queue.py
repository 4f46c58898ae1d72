"""Looks through the whole mail queue for messages signed with given keys. Changes nothing.

Every queue counts: what is deferred will be tried again, what is on hold may be released years from now. A message is read
as Postfix would send it, so a signature the milter added is found wherever it is stored.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from postwright.hosts.remote.common import answer, fail, run

_MOST = 20_000  # messages read; a longer queue is told as such
_IDS = 20  # named per key
_SLACK = 3600  # seconds; clocks differ, and a session may have been about to end
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
    """Each message with who signed it, those left out that have gone; one that is there and cannot be read ends the script."""
    with ThreadPoolExecutor(4) as pool:
        pairs = list(zip(queue, pool.map(lambda it: signers(it["queue_id"]), queue), strict=True))
    unread = {message["queue_id"] for message, found in pairs if found is None}
    stuck = sorted(unread & {message["queue_id"] for message in messages()}) if unread else []
    if stuck:
        fail(f"messages {', '.join(stuck)} are in the queue and cannot be read; see `postcat -q {stuck[0]}`")
    return ((message, found) for message, found in pairs if found is not None)


def main(request: dict[str, Any]) -> None:
    """Run the script. A key comes with the moment after which nothing was signed with it here any more, or null."""
    if shutil.which("postqueue") is None or not Path("/etc/postfix/main.cf").exists():
        answer(found=[])  # a host that is yet to be built has no queue
        return
    until = {(domain, selector): moment for domain, selector, moment in request["keys"]}
    last = None if None in until.values() else max(until.values(), default=0) + _SLACK
    queue = [message for message in messages() if last is None or message["arrival_time"] <= last]
    signed: dict[tuple[str, str], list[dict[str, Any]]] = {key: [] for key in until}
    for message, found in readable(queue[:_MOST]):
        for key in found & signed.keys():
            signed[key].append(message)
    more = len(queue) > _MOST
    answer(found=[row(*key, found, more=more) for key, found in signed.items() if found or more])


def row(domain: str, selector: str, found: list[dict[str, Any]], *, more: bool) -> dict[str, Any]:
    """What is told of one key."""
    return {
        "domain": domain,
        "selector": selector,
        "count": len(found),
        "held": sum(message["queue_name"] == "hold" for message in found),
        "oldest": found[0]["arrival_time"] if found else 0,
        "ids": [message["queue_id"] for message in found[:_IDS]],
        "more": more,
    }
