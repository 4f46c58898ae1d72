"""Frees mail whose lane is no more: it is taken in anew, as from pickup(8), and finds another way, keeping its signature.

Runs on the host, alone, from memory (``python3 -c``): when Postfix has started, and when the agent is stopped. A message
bound to a transport that went with its address, its provider or all of pacing would else wait until it bounces.

Promise: it touches no message whose transport is there; on hold none at all while Postfix asks the agent, whose mail
that is, nor elsewhere one whose stream only the agent knows, which moves it itself; and without the agent only what the
agent had held, not what a person has.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

KNOWN = Path("/var/lib/postwright/lanes")  # the lanes Postfix had when this ran last
QUEUE = Path("/var/spool/postfix")
DATABASE = Path("/var/lib/postwright-pacing/pacing.db")
ASKED = "unix:pacing/policy.sock"
OURS = r"gate(?:-[a-z0-9_-]+)?|relay-out(?:-[a-z0-9_-]+)?|v4-[0-9-]+-[a-z0-9]+|v6-[0-9a-f-]+-[a-z0-9]+"
PASSES = 120
PAUSE = 5.0  # seconds between two passes: Postfix itself moves what is active to deferred
_TRANSPORT = re.compile(rf"^({OURS}) +unix ", re.MULTILINE)
_RECORDS = re.compile(r"^\*\*\* ENVELOPE RECORDS (?:\S*/)?(\S+) \*\*\*$", re.MULTILINE)
_FILTER = re.compile(r"^content_filter: (.*)$", re.MULTILINE)
_AT_ONCE = 200


def said(*argv: str, given: str = "") -> str:
    """What a program of Postfix prints; one that fails prints less."""
    done = subprocess.run(argv, input=given, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout


def transports(shown: str) -> set[str]:
    """Our transports among the entries of master.cf as ``postconf -M`` shows them. Pure."""
    return set(_TRANSPORT.findall(shown))


def bound(shown: str) -> Iterator[tuple[str, str]]:
    """Queue id and transport of the messages ``postcat -e`` shows that are bound to one of ours. Pure."""
    _, *parts = _RECORDS.split(shown)
    for queue_id, text in zip(parts[::2], parts[1::2], strict=True):
        transport = ["", *_FILTER.findall(text)][-1].partition(":")[0]
        if re.fullmatch(OURS, transport):
            yield queue_id, transport


def stranded(folder: str, there: set[str]) -> dict[str, str]:
    """Queue id → transport of the messages in a queue that are bound to one of ours that is not there."""
    ids = sorted(path.name for path in (QUEUE / folder).rglob("*") if path.is_file())
    shown = (said("postcat", "-eq", *ids[at : at + _AT_ONCE]) for at in range(0, len(ids), _AT_ONCE))
    return {queue_id: it for text in shown for queue_id, it in bound(text) if it not in there}


def of_agent(found: dict[str, str]) -> list[str]:
    """Of held messages those the agent held, and those held while it was away, which are bound to the gate.

    All where its database cannot be read: nobody else knows of them.
    """
    try:
        known = held(DATABASE)
    except (OSError, sqlite3.Error):
        return list(found)
    return [queue_id for queue_id, transport in found.items() if queue_id in known or transport.startswith("gate")]


def not_of_agent(found: dict[str, str]) -> list[str]:
    """Of deferred messages those of no stream that the agent knows of; none where its database cannot be read now."""
    try:
        known = (
            _read(DATABASE, "SELECT queue_id FROM message WHERE stream != '' AND state != 'relayed'")
            if found
            else set()
        )
    except (OSError, sqlite3.Error):
        return [] if DATABASE.exists() else list(found)
    return [queue_id for queue_id in found if queue_id not in known]


def held(database: Path) -> set[str]:
    """The queue ids the agent has on hold."""
    return _read(database, "SELECT queue_id FROM message WHERE state NOT IN ('passed', 'deferred', 'kept', 'relayed')")


def _read(database: Path, asked: str) -> set[str]:
    """Queue ids out of a copy: reading leaves files that the agent could not open any more."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal"):
            if suffix == "" or Path(f"{database}{suffix}").exists():
                shutil.copyfile(f"{database}{suffix}", f"{folder}/copy{suffix}")
        with closing(sqlite3.connect(f"{folder}/copy")) as copy:
            return {queue_id for (queue_id,) in copy.execute(asked)}


def freed(there: set[str], *, asked: bool) -> bool:
    """One pass; whether nothing was left to do."""
    moving = stranded("incoming", there) | stranded("active", there)
    deferred = stranded("deferred", there)
    found = {
        "deferred": not_of_agent(deferred) if asked else list(deferred),
        "hold": [] if asked else of_agent(stranded("hold", there)),
    }
    for folder, ids in found.items():
        if ids:
            print(f"{len(ids)} messages of {folder} had a lane that is no more: taken in anew")  # noqa: T201
            said("postsuper", "-r", "-", folder, given="".join(f"{it}\n" for it in ids))
            said("postkick", "public", "pickup", "W")
    return not moving and not deferred and not found["hold"]


def freed_or_waited(there: set[str], *, asked: bool) -> bool:
    """One pass, and a pause if another is needed."""
    if freed(there, asked=asked):
        return True
    time.sleep(PAUSE)
    return False


def main() -> None:
    """Run until no message is stranded; what is left after many passes is tried again at the next run."""
    there = transports(said("postconf", "-M"))
    asked = ASKED in said("postconf", "-h", "smtpd_end_of_data_restrictions")
    known = set(KNOWN.read_text(encoding="ascii").split()) if KNOWN.exists() else set()
    done = not known - there or any(freed_or_waited(there, asked=asked) for _ in range(PASSES))
    KNOWN.parent.mkdir(mode=0o700, exist_ok=True)
    KNOWN.write_text("".join(f"{it}\n" for it in sorted(there if done else there | known)), encoding="ascii")


if __name__ == "__main__":
    main()
