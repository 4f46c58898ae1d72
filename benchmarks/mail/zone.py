"""Destinations: domains with an MX host each that leads to the sink, as the lab's resolver answers for them.

Unsigned, as most domains of recipients are, and with a TTL as they have it; names of the lab's own zones live 5 seconds, and
that a name has no AAAA is not remembered of them at all, so a host's cache would be of no use.
"""

from __future__ import annotations

from postwright.lab import box

ZONE = "bench.example"
ONE = f"d0.{ZONE}"  # the destination of what is measured with one
COUNT = 2000
_TTL = 300


def describe(lab: str, address: str, count: int = COUNT) -> None:
    """Domains ``d0`` to ``d{count-1}``; ten share an MX host, as customers of a provider do."""
    control = "unbound-control -q -s /run/unbound.ctl"
    records = [f"{ZONE}. {_TTL} IN SOA ns.{ZONE}. root.{ZONE}. 1 3600 600 86400 {_TTL}"]
    records += [f"mx{number}.{ZONE}. {_TTL} IN A {address}" for number in range(count // 10 + 1)]
    records += [f"d{number}.{ZONE}. {_TTL} IN MX 10 mx{number // 10}.{ZONE}." for number in range(count)]
    box.run(lab, "ns", f"{control} local_zone {ZONE}. static")
    box.run(lab, "ns", f"{control} local_datas", input="\n".join(records) + "\n")
