"""How much a host does at a time, from its cores and its memory. Pure.

Promise: more cores or more memory never means less; all processes of Postfix at once, and what they make the signer hold,
stay within five eighths of the memory a host is counted as. A reading that wobbles by some MiB changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

# Private memory in MiB, at most, measured with TLS on (docs/performance.md): of a client's session smtpd(8), its cleanup(8)
# and its thread in each signer; of a delivery smtp(8).
SESSION, DELIVERY = 5, 4
PORTS = 3  # 25, 465 and 587, each with as many sessions
# What one core can feed: it takes in, signs and sends some 200 messages a second, and a session or a delivery mostly waits.
SESSIONS_PER_CORE, DELIVERIES_PER_CORE = 100, 250
# A signer may open 1,024 files, and each session is one (systemd.exec(5), LimitNOFILE); a receiver's patience ends earlier.
MOST_SESSIONS, MOST_DELIVERIES = 250, 1000


@dataclass(frozen=True)
class Size:
    """Processes, messages, and MiB of cache.

    ``sessions``: smtpd(8) per port, and all else there is no other limit for; ``deliveries``: smtp(8); ``active``: messages
    in the queue manager's memory; ``threads`` and ``slabs`` of the resolver, ``messages`` and ``records`` its two caches.
    """

    sessions: int
    deliveries: int
    active: int
    threads: int
    slabs: int
    messages: int
    records: int

    @property
    def of_one_client(self) -> int:
        """Sessions one client may have at a time: half of them all, and no more than Postfix gives it by default."""
        return min(50, self.sessions // 2)


def size(cores: int, memory: int) -> Size | None:
    """What a host with so many cores and MiB of memory is given; None if either is not known (0)."""
    if not (cores and memory):
        return None
    mib, threads = counted(memory), min(cores, 8)
    cache = bounded(mib // 128, 4, 64)
    return Size(
        sessions=bounded(min(mib * 3 // (8 * PORTS * SESSION), SESSIONS_PER_CORE * cores), 10, MOST_SESSIONS),
        deliveries=bounded(min(mib // (4 * DELIVERY), DELIVERIES_PER_CORE * cores), 20, MOST_DELIVERIES),
        active=bounded(20_000 * mib // 2048, 5_000, 80_000),
        threads=threads,
        slabs=1 << (threads - 1).bit_length(),
        messages=cache,
        records=2 * cache,
    )


def counted(memory: int) -> int:
    """The largest power of two that is at most an eighth more: the kernel keeps some of what a host was bought with."""
    return 1 << (memory * 8 // 7).bit_length() - 1


def bounded(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))
