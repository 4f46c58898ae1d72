"""One lab host that signs and sends, under one configuration after another: messages per second, and CPU per message.

Promise: a measure is of the configuration it is named after: the files as apply left them are put back first, then its
changes are made, then the services start anew. What the sink has counted is what was delivered; deferred mail is an error.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from operators import Operator
from providers_of_mail import Providers
from zone import ONE

from postwright.lab import box, cgroup, guest
from postwright.lab.layout import Layout

SERVICES = ("postfix", "opendkim", "opendkim-ed25519", "systemd-journald", "unbound")
SIZE, SESSIONS, WARM_UP = 5000, 8, 200
SUNK = "srv/sunk"
KEPT = "/etc/postfix /etc/opendkim.conf /etc/opendkim-ed25519.conf /etc/postwright /etc/unbound /etc/systemd"
_LONGEST = 120.0  # seconds that nothing may arrive for

# The journal keeps every line: dropping them, as it does by default at this rate, costs less and is no mail log.
_EVERY_LINE = "mkdir -p /run/systemd/journald.conf.d; printf '[Journal]\\nRateLimitBurst=0\\n' \
>/run/systemd/journald.conf.d/bench.conf; systemctl restart systemd-journald"


@dataclass(frozen=True)
class Variant:
    """A configuration: what a shell script makes of the files as built."""

    name: str
    script: str = ""


@dataclass(frozen=True)
class Pour:
    """What is sent: ``per_session`` messages over each connection, and options of smtp-source(1)."""

    messages: int = 1500
    sessions: int = SESSIONS
    options: str = "-d"
    source: str = ""  # a command instead of smtp-source


@dataclass
class Measure:
    """``rate`` in messages per second; ``cpu`` in microseconds per message and service."""

    name: str
    rate: float
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        return sum(self.cpu.values())


@dataclass
class Bench:
    """The host of an operator's project, already built, and a sink it delivers to."""

    operator: Operator
    providers: Providers

    @property
    def layout(self) -> Layout:
        return Layout.named(self.operator.lab)

    @property
    def tree(self) -> Path:
        """The host's files as the host sees them, /sys too."""
        leader = cgroup.leader(self.layout, self.operator.host)
        return Path(f"/proc/{leader}/root")

    def prepare(self) -> None:
        """Keep the files as built; start the sink."""
        self.operator.on_host(_EVERY_LINE)
        self.operator.on_host(
            f"rm -rf /root/built; mkdir /root/built; cp -a --parents {KEPT} /root/built 2>/dev/null || true"
        )
        self.start_sink()

    def start_sink(self, options: str = "") -> None:
        """Postfix's own sink; it takes all mail, and writes how much after each message."""
        sink = f"exec smtp-sink -c {options} -u postfix {self.providers.address('sink')}:25 1000 >/{SUNK}"
        box.run(self.operator.lab, "receiver", "systemctl stop sink 2>/dev/null || true")
        start = ["systemd-run", "--quiet", "--collect", "--unit=sink", "--property=LimitNOFILE=65536", "sh", "-c", sink]
        box.run(self.operator.lab, "receiver", start)

    def sunk(self) -> int:
        """How many messages the sink took so far."""
        with (guest.root(self.layout, "receiver") / SUNK).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 200))
            counted = re.findall(rb"mesg=(\d+)", file.read())
        return int(counted[-1]) if counted else 0

    def be(self, variant: Variant) -> None:
        """Make the host what the variant says."""
        restore = f"systemctl stop opendkim-ed25519 2>/dev/null || true; rm -rf {KEPT}; cp -a /root/built/. /"
        self.operator.on_host(
            f"set -e\n{restore}\n{variant.script}\nsystemctl daemon-reload\n"
            "systemctl reset-failed\nsystemctl restart unbound opendkim postfix\n"
            "until ss -Hltn sport = :25 | grep -q .; do sleep 0.05; done"
        )

    def measure(self, variant: Variant, pour: Pour | None = None) -> Measure:
        """Become the variant, warm up, and send."""
        pour = pour or Pour()
        self.be(variant)
        self.pour(Pour(WARM_UP, pour.sessions, pour.options))
        time.sleep(0.5)  # journald writes down what it has
        done = self.timed(variant.name, pour)
        used = {name: round(value) for name, value in done.cpu.items() if value >= 1}
        print(json.dumps({"name": done.name, "rate": round(done.rate), "cpu": used}), flush=True)
        return done

    def timed(self, name: str, pour: Pour, services: tuple[str, ...] = SERVICES) -> Measure:
        """Send, with a look at the clock and at what the services used."""
        before, start = self.usage(services), time.monotonic()
        self.pour(pour)
        seconds, after = time.monotonic() - start, self.usage(services)
        cpu = {it: max(0, after[it] - before[it]) / pour.messages for it in services}
        return Measure(name, pour.messages / seconds, cpu)

    def pour(self, pour: Pour) -> None:
        """So many messages through the host, until the sink has them all."""
        before = self.sunk()
        source = pour.source or (
            f"smtp-source {pour.options} -s {pour.sessions} -l {SIZE} -m {pour.messages}"
            f" -f news@shop.test -t user@{ONE} 127.0.0.1:25"
        )
        self.operator.on_host(source)
        changed, last = time.monotonic(), before
        while (taken := self.sunk()) - before < pour.messages:
            if taken != last:
                changed, last = time.monotonic(), taken
            if time.monotonic() > changed + _LONGEST:
                raise SystemExit(f"mail stays: {self.operator.on_host('postqueue -p | tail -5').stdout}")
            time.sleep(0.01)

    def usage(self, services: tuple[str, ...]) -> dict[str, int]:
        """Microseconds of CPU per service so far; of a service that does not run, 0."""
        return {name: usage_of(self.tree / f"sys/fs/cgroup/system.slice/{name}.service/cpu.stat") for name in services}


def usage_of(file: Path) -> int:
    """The ``usage_usec`` of a cgroup's cpu.stat."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("usage_usec")), 0)
