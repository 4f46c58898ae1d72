"""What pacing costs: the same host with and without it, in turns, in one run; prints a table and writes results/mail.md.

Usage: mail.py [ROUNDS [MESSAGES]]. A lab host signs (RSA-2048) and sends from smtp-source to smtp-sink; both are Postfix's own
and run on hosts of the lab. Each round is a real apply per mode: without pacing; with a warm address; with one that warms up, by a
plan that is never used up. Their order changes from round to round. A rate is messages per second until the queue is empty.
"""

import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from operators import lab_operator, leave
from paced import Paced, paced
from providers_of_mail import Providers

from postwright.lab import box, guest
from postwright.lab.layout import Layout

RESULTS = Path(__file__).parent / "results" / "mail.md"
LAB, HOST = "lab6", "mx3"
WITHOUT, WARM, WARMING = "no pacing", "warm address", "warming address"
SERVICES = ("postfix", "opendkim", "postwright-pacing", "postwright-pacing-keeper", "systemd-journald", "unbound")
SUNK = "/srv/sunk"
SESSIONS, SIZE, WARM_UP = 8, 5000, 300
# As many connections as Postfix itself opens to one destination.
SAID = {
    "providers": {"other": {"connections": 20}},
    "plans": {"wide": {"unit": "day", "stages": [10**7], "hour_share": 1.0, "after": "stay"}},
}
MODES = {
    WITHOUT: (None, "warm"),
    WARM: (SAID, "warm"),
    WARMING: (SAID, {"plan": "wide", "start": f"{datetime.now(UTC):%Y-%m-%d}"}),
}
EVERY_LINE = "mkdir -p /etc/systemd/system/postfix.service.d; cd /etc/systemd/system/postfix.service.d; printf '%s' \
'[Service]\nLogRateLimitIntervalSec=1s\nLogRateLimitBurst=10000000\n' > bench.conf; systemctl daemon-reload; systemctl restart postfix"


@dataclass
class Round:
    """``cpu``: microseconds per message and service."""

    mode: str
    rate: float
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.cpu.values())


def main(rounds: str = "5", messages: str = "3000") -> None:
    """Run, print, and write the results."""
    with tempfile.TemporaryDirectory() as folder:
        operator = lab_operator(Path(folder), LAB, HOST)
        try:
            host = paced(operator, Providers(LAB).start())
            host.apply("without")
            operator.on_host(EVERY_LINE)
            start_sink(host)
            found = [it for turn in range(int(rounds)) for it in each(host, turn, int(messages))]
        finally:
            leave(operator)
    text = report(found, int(messages))
    RESULTS.write_text(text)
    print(text)


def each(host: Paced, turn: int, messages: int) -> list[Round]:
    """One round of every mode."""
    first = turn % len(MODES)
    modes = list(MODES)
    return [measure(host, mode, messages) for mode in (*modes[first:], *modes[:first])]


def measure(host: Paced, mode: str, messages: int) -> Round:
    """Apply, warm up, and send so many messages."""
    said, warmup = MODES[mode]
    host.apply(mode.replace(" ", "-"), said, warmup)
    active = host.operator.on_host("systemctl is-active postwright-pacing", check=False).stdout.strip() == "active"
    if active != bool(said):
        raise SystemExit(f"mode {mode}: the agent is {'' if active else 'not '}running")
    pour(host, WARM_UP)
    time.sleep(1)  # journald and the agent write down what they have
    before, start = usage(host), time.monotonic()
    pour(host, messages)
    seconds, after = time.monotonic() - start, usage(host)
    done = Round(mode, messages / seconds, {name: max(0, after[name] - before[name]) / messages for name in SERVICES})
    print(json.dumps({"mode": mode, "rate": round(done.rate), "cpu": {k: round(v) for k, v in done.cpu.items()}}))
    return done


def pour(host: Paced, messages: int) -> None:
    """So many messages through the host, until its queue is empty and the sink has them all."""
    before = sunk()
    command = f"smtp-source -s {SESSIONS} -l {SIZE} -m {messages} -f news@shop.test -t user@sink.test 127.0.0.1:25"
    host.operator.on_host(command)
    while (queue := host.queued()).total():
        if queue["deferred"]:
            raise SystemExit(f"mail was deferred: {host.operator.on_host('postqueue -p | tail -5').stdout}")
        time.sleep(0.02)
    if sunk() - before != messages:
        raise SystemExit(f"{sunk() - before} of {messages} messages reached the sink")


def usage(host: Paced) -> dict[str, int]:
    """Microseconds of CPU per service so far; of a service that does not run, 0."""
    return {name: _usage(host.tree / f"sys/fs/cgroup/system.slice/{name}.service/cpu.stat") for name in SERVICES}


def _usage(file: Path) -> int:
    lines = file.read_text().splitlines() if file.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("usage_usec")), 0)


def start_sink(host: Paced) -> None:
    """Postfix's own sink; it takes all mail, and writes how much after each message."""
    sink = f"exec smtp-sink -c -u postfix {host.providers.address('sink')}:25 1000 >{SUNK}"
    box.run(LAB, "receiver", ["systemd-run", "--quiet", "--collect", "--unit=sink", "sh", "-c", sink])


def sunk() -> int:
    """How many messages the sink took so far."""
    counted = re.findall(r"mesg=(\d+)", (guest.root(Layout.named(LAB), "receiver") / SUNK.lstrip("/")).read_text())
    return int(counted[-1]) if counted else 0


def report(found: list[Round], messages: int) -> str:
    """The results as a page."""
    modes = {mode: [it for it in found if it.mode == mode] for mode in MODES}
    lines = [
        "# Mail: what pacing costs",
        "",
        f"Made by `make bench-mail` on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} CPUs ({platform.machine()}), Debian 13.",
        f"{len(modes[WITHOUT])} rounds of {messages:,} messages of {SIZE:,} bytes, {SESSIONS} sessions.",
        "",
        f"| | messages/s, min / median / max | CPU us/message: {' + '.join(SERVICES)} | sum | of the throughput | of the CPU |",
        "|---|---|---|---|---|---|",
        *(_line(mode, rounds, modes[WITHOUT]) for mode, rounds in modes.items()),
        "",
        *NOTES,
    ]
    return "\n".join(lines) + "\n"


def _line(mode: str, rounds: list[Round], without: list[Round]) -> str:
    rates = [it.rate for it in rounds]
    each = {name: statistics.median(it.cpu[name] for it in rounds) for name in SERVICES}
    spread = f"{min(rates):.0f} / {statistics.median(rates):.0f} / {max(rates):.0f}"
    rate = statistics.median(it.rate / other.rate for it, other in zip(rounds, without, strict=True))
    cpu = statistics.median(it.total / other.total for it, other in zip(rounds, without, strict=True))
    parts = " + ".join(f"{it:.0f}" for it in each.values())
    return f"| {mode} | {spread} | {parts} | {sum(each.values()):.0f} | {rate:.2f} | {cpu:.2f} |"


NOTES = """
- All sign each message with RSA-2048 and send over one address to one provider. With pacing the agent is asked about each
  message and reads of its delivery in the journal; while the address warms up, its token is on disk before the answer.
- The last two columns are medians of the rounds' ratios to the same round without pacing.
- smtp-source, Postfix, the signer, the agent and smtp-sink share the machine's cores. A rate says little about another
  machine; the ratio says what pacing takes from what there is.
- journald keeps every line in all modes. By default it drops lines at this rate, which costs less, and the agent cannot
  work with that: hosts that pace are set up so.
""".splitlines()[1:]


if __name__ == "__main__":
    main(*sys.argv[1:])
