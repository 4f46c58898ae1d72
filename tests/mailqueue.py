"""Keeps mail in a host's queue, deferred or held, and lets it go again; nothing of the host's configuration is touched."""

from __future__ import annotations

import json
import time
from collections import Counter

from postwright.lab import box

_POLL = 0.05
_CUT = """
nft -f - <<'end'
table inet no_receiver {
  chain output {
    type filter hook output priority -50; policy accept;
    meta skuid postfix tcp dport 25 reject with tcp reset
  }
}
end
"""
# pickup wakes once a minute by itself; it does not hear every call, and is not waited for longer than it takes to try.
_FLUSH = "set -e; postqueue -f; for _ in $(seq 20); do if postkick public pickup W; then break; fi; sleep 0.1; done"


def cut_off(lab, host):
    """From now on the host reaches no other mail server: what it takes in stays in its queue, deferred."""
    box.run(lab, host, _CUT)


def reconnect(lab, host):
    """Mail servers can be reached again; ``flush`` sends what waits."""
    box.run(lab, host, "nft delete table inet no_receiver")


def hold(lab, host):
    """All that is in the queue is held: no time limit applies to it, and nothing but ``release`` moves it."""
    box.run(lab, host, "postsuper -h ALL")


def release(lab, host):
    """Let go of all that is held, and send it."""
    box.run(lab, host, "postsuper -H ALL")
    flush(lab, host)


def flush(lab, host):
    """Try at once to send all that is deferred, and take in what sendmail(1) left while nothing could be signed."""
    box.run(lab, host, _FLUSH)


def queued(lab, host):
    """The number of messages in each part of the queue: incoming, active, deferred, hold."""
    shown = box.run(lab, host, "postqueue -j").stdout.splitlines()
    return Counter(json.loads(line)["queue_name"] for line in shown)


def wait_until_queued(lab, host, part, number, timeout=30.0):
    """Until this part of the queue has at least so many messages."""
    deadline = time.monotonic() + timeout
    while queued(lab, host)[part] < number:
        assert time.monotonic() < deadline, (
            f"{host}: no {number} messages {part} within {timeout} s: {queued(lab, host)}"
        )
        time.sleep(_POLL)
