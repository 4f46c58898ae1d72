"""Thousands of destinations that answer as slowly as the Internet: what limits, resolver and connection cache do there."""

from __future__ import annotations

import re
from pathlib import Path

import zone
from measuring import SESSIONS, Bench, Pour, Variant

from postwright.lab import box

SLOW = "-w 1"  # of smtp-sink: the answer to DATA takes a second
MESSAGES = zone.COUNT
_MANY = Path(__file__).with_name("many.py").read_text()

AS_BUILT = Variant("as built")
_DEFAULTS = "postconf -X default_process_limit qmgr_message_active_limit qmgr_message_recipient_limit; postconf -F smtp/unix/process_limit=-"
ALL = (
    AS_BUILT,
    Variant("Postfix's own limits: 100 processes", _DEFAULTS),
    Variant("mail is taken in as fast as it comes (in_flow_delay = 0)", "postconf -e in_flow_delay=0"),
    Variant("no connection is used again", "postconf -e smtp_connection_cache_on_demand=no"),
)


def pour(messages: int = MESSAGES) -> Pour:
    """A message to each destination."""
    source = f"python3 - {messages} {zone.COUNT} {zone.ZONE} {SESSIONS} <<'end'\n{_MANY}end"
    return Pour(messages, SESSIONS, "-d", source)


def upstream(bench: Bench) -> int:
    """How many questions the lab's resolver was asked so far."""
    said = box.run(bench.operator.lab, "ns", "unbound-control -s /run/unbound.ctl stats_noreset").stdout
    found = re.search(r"^total\.num\.queries=(\d+)", said, re.MULTILINE)
    return int(found[1]) if found else 0


def questions(bench: Bench) -> tuple[float, float]:
    """How many questions a message makes to the lab's resolver, with the host's own empty, and with all of it known."""
    bench.be(AS_BUILT)
    start = upstream(bench)
    bench.pour(pour())
    middle = upstream(bench)
    bench.pour(pour())
    return (middle - start) / MESSAGES, (upstream(bench) - middle) / MESSAGES


def notes(cold: float, warm: float) -> list[str]:
    """What to know of the table."""
    return [
        "- A message to each of them; ten share an MX host. smtp-sink answers DATA after a second.",
        f"- Questions the host's resolver had to ask others, per message: {cold:.2f} at first, {warm:.2f} when it knew them.",
    ]
