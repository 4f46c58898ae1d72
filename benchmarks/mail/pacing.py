"""What pacing costs: each mode is a real apply; without pacing, with a warm address, with one that warms up.

The plan of the address that warms up is never used up.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

from measuring import SERVICES as PLAIN
from measuring import WARM_UP, Bench, Measure, Pour
from paced import Paced

SERVICES = (*PLAIN, "postwright-pacing", "postwright-pacing-keeper")
WITHOUT, WARM, WARMING = MODES = ("no pacing", "warm address", "warming address")
# As many connections as Postfix itself opens to one destination.
_SAID = {
    "providers": {"other": {"connections": 20}},
    "plans": {"wide": {"unit": "day", "stages": [10**7], "hour_share": 1.0, "after": "stay"}},
}
_TOLD = {
    WITHOUT: (None, "warm"),
    WARM: (_SAID, "warm"),
    WARMING: (_SAID, {"plan": "wide", "start": f"{datetime.now(UTC):%Y-%m-%d}"}),
}


def measure(host: Paced, bench: Bench, mode: str, messages: int) -> Measure:
    """Apply, warm up, and send so many messages, each over a connection of its own."""
    said, warmup = _TOLD[mode]
    host.apply(mode.replace(" ", "-"), said, warmup)
    active = host.operator.on_host("systemctl is-active postwright-pacing", check=False).stdout.strip() == "active"
    if active != bool(said):
        raise SystemExit(f"mode {mode}: the agent is {'' if active else 'not '}running")
    bench.pour(Pour(WARM_UP, options=""))
    time.sleep(1)  # journald and the agent write down what they have
    done = bench.timed(mode, Pour(messages, options=""), SERVICES)
    print(json.dumps({"name": mode, "rate": round(done.rate)}), flush=True)
    return done


NOTES = """
- With pacing the agent is asked about each message and reads of its delivery in the journal; while the address warms up,
  its token is on disk before the answer.
- Each message comes over a connection of its own, which is the dearest way to hand one in.
""".splitlines()[1:]
