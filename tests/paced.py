"""A host that warms up, under a clock that tests move: days pass when they say so, and whatever befalls it, it comes back.

Promise: what is asserted is what the providers saw; the agent's own word is used only to know when to look.
"""

from __future__ import annotations

import contextlib
import json
import socket
import stat
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from operators import Operator
from posting import Post
from providers_of_mail import Providers

from postwright.lab import cgroup
from postwright.lab.layout import LAST_BYTE, MACHINE, Layout

START = "2026-12-01"  # the first day of every plan here; the clock is moved to it
AGENT, POSTFIX = "postwright-pacing.service", "postfix.service"
STEP = 43_200  # seconds: a plan here may use up half of a day's budget in an hour
_POLL, _MOMENT = 0.05, 3.0
_BEING_TRIED = ("incoming", "active", "maildrop")
_ON_ITS_WAY = (*_BEING_TRIED, "deferred")

# The second address, and the clock, which is a file in /run: both come back when the host does, before its mail moves.
_WORLD = """
cat >/etc/systemd/system/lab-world.service <<'end'
[Unit]
Description=An address and a clock of the tests' own
DefaultDependencies=no
After=local-fs.target
Before=network.target postfix.service postwright-pacing.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip address replace {second}/24 dev eth0
ExecStart=sh -c 'test ! -e /var/lib/lab-clock || cp /var/lib/lab-clock /run/postwright-lab-clock'
[Install]
WantedBy=sysinit.target
end
systemctl daemon-reload
systemctl enable --quiet --now lab-world.service
"""

# ``said`` goes to the fleet's key ``pacing``, ``warmup`` to both addresses.
INVENTORY = """
_first = host["mail_host"]["addresses"][0]
_helo = _first[1]
host["mail_host"]["addresses"] = [
    {{"ip": _first[0], "helo": _helo, "warmup": {warmup!r}}},
    {{"ip": {second!r}, "helo": _helo, "warmup": {warmup!r}}},
][:{addresses}]
fleet["domains"][0]["aliases"]["forwarded"] = "forward@workspace-customer.test"
host["mail_host"]["trusted_networks"] = [{network!r}]
fleet["pacing"] = {said!r}
"""
UNPACED = """
del host["mail_host"]["addresses"][1:]
host["mail_host"]["trusted_networks"] = [{network!r}]
"""


@dataclass
class Paced:
    """The host of an operator's project; ``addresses`` are those it sends from; ``foreign``: messages that a person holds."""

    operator: Operator
    providers: Providers
    post: Post
    moved: int = 0
    foreign: int = 0
    events: list[str] = field(default_factory=list)

    @property
    def layout(self):
        return Layout.named(self.operator.lab)

    @property
    def addresses(self):
        last = LAST_BYTE[self.operator.host]
        return self.layout.v4(last), self.layout.v4(last + 100)

    @property
    def tree(self) -> Path:
        """The host's files as the host sees them, /run too."""
        leader = cgroup.leader(self.layout, self.operator.host)
        assert leader, f"{self.operator.host} does not run"
        return Path(f"/proc/{leader}/root")

    def prepare(self):
        """Give the host its second address; Postfix and the agent find it there after each boot."""
        self.operator.on_host(_WORLD.format(second=self.addresses[1]))
        return self

    def apply(self, name, said=None, warmup="warm", addresses=2):
        """Make the host pace its mail as the fleet's key ``pacing`` says; without it the host is a plain one."""
        network = f"{self.layout.v4(MACHINE)}/32"
        code = (UNPACED if said is None else INVENTORY).format(
            network=network, second=self.addresses[1], said=said, warmup=warmup, addresses=addresses
        )
        operator = self.operator.changed(name, code)
        return operator.json("apply", "--yes", "--no-verify")

    # The clock

    def move_to(self, day, seconds=60):
        """It is now so many seconds after the begin of the plan's day, counted from 0."""
        begin = datetime.fromisoformat(START).replace(tzinfo=UTC) + timedelta(days=day)
        self._set(int(begin.timestamp() + seconds - time.time()))

    def move_by(self, seconds):
        """So much time passes."""
        self._set(self.moved + seconds)

    def _set(self, moved):
        self.moved = moved
        self._write("var/lib/lab-clock", f"{moved}\n")
        self._write("run/postwright-lab-clock", f"{moved}\n")

    def _write(self, path, text):
        """As a whole: the agent reads it when it likes."""
        new = self.tree / f"{path}.new"
        new.write_text(text)
        new.replace(self.tree / path)

    @property
    def now(self):
        return time.time() + self.moved

    # What the host says

    def ask(self, **request):
        """One request to the agent's control socket."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(self.tree / "run/postwright-pacing/control.sock"))
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as answer:
                said = json.loads(answer.readline())
        assert "error" not in said, (request, said)
        return said

    def lanes(self):
        """(address, provider) → what the agent says of that lane."""
        return {(it["address"], it["provider"]): it for it in self.ask(do="status")["lanes"]}

    def queued(self):
        """How many messages are in each part of the queue: cheaper than postqueue, and true while Postfix is down."""
        return Counter({part: self._files(part) for part in (*_ON_ITS_WAY, "hold")})

    def _files(self, part):
        """Postfix makes a file executable when it is whole; one that a crash cut off lies there until Postfix tidies up."""
        number = 0
        for file in (self.tree / "var/spool/postfix" / part).rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                found = file.stat().st_mode
                number += stat.S_ISREG(found) and bool(found & stat.S_IXUSR)
        return number

    def settle(self, timeout=90.0):
        """Until nothing is on its way and nothing more may leave: what is held waits for the clock.

        The agent waits for letters that never came to be because their client was cut off; we do so for a moment only.
        """
        deadline, since = time.monotonic() + timeout, None
        while why := self._unsettled() or self._unsettled():  # twice: a release may be between two looks
            but_for_lost = not self._unsettled(self.post.unanswered)
            since = (since or time.monotonic()) if but_for_lost else None
            if since and time.monotonic() > since + _MOMENT:
                return
            assert time.monotonic() < deadline, f"not at rest within {timeout:g} s: {why}\n{self.story()}"
            time.sleep(_POLL)

    def _unsettled(self, lost=0):
        """Why it is not at rest, if it is not; up to ``lost`` messages that the agent knows need not be there."""
        try:
            said, queue = self.ask(do="status"), self.queued()
        except (OSError, AssertionError, ValueError) as error:  # it is down, or on its way up
            return f"{type(error).__name__}: {error}"
        if said["now"] < self.now - 3:
            return f"the agent's clock is at {said['now']}, ours at {self.now}"
        if moving := {part: queue[part] for part in _ON_ITS_WAY if queue[part]}:
            return moving
        held, known = queue["hold"] - self.foreign, sum(it["held"] for it in said["lanes"])
        if not 0 <= known - held <= lost:
            return f"{held} held, of which {known} are known"
        if sum(it["outstanding"] for it in said["lanes"]) > lost:
            return [it for it in said["lanes"] if it["outstanding"]]
        return [it for it in said["lanes"] if it["held"] > lost and room(it)]

    def wait_until_tried(self, timeout=60.0):
        """Until Postfix has tried all it was let to try: what is left is deferred or held."""
        self._wait(lambda: {it: n for it, n in self.queued().items() if n and it in _BEING_TRIED}, timeout)

    def wait_until_told(self, timeout=60.0):
        """Until the agent knows what became of all that was tried, under the clock as it is."""
        self.wait_until_tried(timeout)
        self._wait(self._untold, timeout)

    def _untold(self):
        said = self.ask(do="status")
        return said["now"] < self.now - 3 or [it["lane"] for it in said["lanes"] if it["outstanding"]]

    def _wait(self, why_not, timeout):
        """Until that has nothing to say, twice: between two looks a message may have been in neither place."""
        deadline = time.monotonic() + timeout
        while why := why_not() or why_not():
            assert time.monotonic() < deadline, f"not at rest within {timeout:g} s: {why}\n{self.story()}"
            time.sleep(_POLL)

    def story(self):
        """What there is to know when a test fails."""
        log = self.operator.on_host(
            f"journalctl -q -n 40 -o cat -u {AGENT}; postqueue -p | tail -5", check=False
        ).stdout
        return "\n".join((*self.events, log))

    # What befalls it

    def kill_agent(self):
        self.events.append("agent killed")
        self.operator.on_host(f"systemctl kill -s KILL {AGENT}", check=False)

    def kill_postfix(self):
        """All its processes at once; whoever watches over it starts it again."""
        self.events.append("postfix killed")
        self.operator.on_host(
            f"systemctl kill -s KILL {POSTFIX}; systemctl reset-failed {POSTFIX}; systemctl start {POSTFIX}",
            check=False,
        )

    def kill_host(self):
        self.events.append("host killed")
        self.operator.cut_power()
        self.operator.boot()

    def after(self, seconds, what):
        """Do it in so many seconds, whatever goes on then; the thread is to be joined."""
        thread = threading.Timer(seconds, what)
        thread.start()
        return thread


def room(lane):
    """Whether the lane may let something go."""
    limits, used = lane["limits"], lane["used"]
    full = any(limits[part] is not None and used[part] >= limits[part] for part in ("hour", "day"))
    return lane["mode"] not in {"paused", "stopped", "suspended"} and not full


def paced(operator, providers=None):
    """The operator's host, with providers to send to; nothing is applied yet."""
    served = providers or Providers(operator.lab).start()
    return Paced(operator, served, Post(operator.lab, operator.host)).prepare()
