"""Makes OpenDKIM take up its tables without a restart, and proves that it did.

A restart turns mail away for a moment, a reload none. But `systemctl reload` only sends a signal: OpenDKIM reads its
tables when it is next connected to, says in the journal whether it took them, and goes on with the previous ones if it
did not. Until it has said so there is no stamp, so a run that is cut off here is healed by the next. Postfix, no milter,
lets its processes end after the session they are in, and starts new ones, which read everything anew.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import time
from typing import Any

from postwright.hosts.remote.common import (
    RUN,
    answer,
    configuration_digest,
    exclusive,
    fail,
    last_words,
    run,
    service_state,
)

TAKEN = "configuration reloaded from "
REFUSED = re.compile(r"^(/\S+: |can't configure )", re.MULTILINE)  # as it speaks of its configuration, not of a message
# What Postfix says first: packet length, option negotiation, version, actions, protocol (libmilter/mfdef.h); and goodbye.
HELLO = struct.pack(">IcIII", 13, b"O", 6, 0x1FF, 0x1FFFFF)
GOODBYE = struct.pack(">Ic", 1, b"Q")


def connect(path: str, seconds: float = 10) -> None:
    """Begin a conversation with a milter and end it; its answer comes when its configuration has been read."""
    with socket.socket(socket.AF_UNIX) as milter:
        milter.settimeout(seconds)
        milter.connect(path)
        milter.sendall(HELLO)
        milter.recv(4)
        milter.sendall(GOODBYE)


def cursor() -> str:
    """Where the journal ends now."""
    shown = run("journalctl", "-q", "-n", "0", "--show-cursor").stdout
    return shown.partition("-- cursor: ")[2].strip() or fail("the journal of this host cannot be read")


def words_since(place: str, unit: str) -> str:
    """What the unit's own process has said since then; not what systemd says of it.

    journalctl is not asked for this unit alone: that of systemd 252 leaves out the first match after a cursor.
    """
    run("journalctl", "--sync")
    fields = "--output-fields=_SYSTEMD_UNIT,MESSAGE"
    shown = run("journalctl", "-q", f"--after-cursor={place}", "-o", "json", fields, "--no-pager").stdout
    entries = (json.loads(line) for line in shown.splitlines())
    return "".join(f"{entry.get('MESSAGE')}\n" for entry in entries if entry.get("_SYSTEMD_UNIT") == unit)


def require_taken(service: dict[str, Any], place: str, seconds: int = 20) -> None:
    """Connect until the service says that it took its tables; stop if it refuses them or says nothing."""
    deadline = time.monotonic() + seconds
    words = ""
    while time.monotonic() < deadline and not REFUSED.search(words):
        try:
            connect(service["milter"])
        except OSError as error:
            words = f"{service['milter']}: {error}\n"
            break
        words = words_since(place, service["unit"])
        if TAKEN in words:
            return
        time.sleep(0.1)
    said = words or f"nothing in {seconds} s; before:\n{last_words(service['unit'])}"
    fail(f"{service['unit']} was told to reload and did not; it goes on with its previous tables. It said:\n{said}")


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    service = request["service"]
    lock = exclusive("converge")
    stamp = RUN / f"{service['name']}.reload.stamp"
    stamp.unlink(missing_ok=True)
    digest = configuration_digest(service["reloaded"])
    place = cursor()
    done = run("systemctl", "reload", service["unit"])
    if done.returncode:
        fail(f"systemctl reload {service['unit']}: {done.stderr}\n{last_words(service['unit'])}")
    if service["milter"]:
        require_taken(service, place)
    stamp.write_text(f"{digest}\n")
    if not service_state(service)["loaded"]:
        fail(f"{service['unit']} has reloaded, but its tables were edited meanwhile; run again")
    lock.close()
    answer(reloaded=service["unit"])
