"""Judges every SPF record a plan would write, before it is written. Reads live DNS, changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from postwright.dns import spf
from postwright.dns.plan import ZonePlan
from postwright.dns.record import Record
from postwright.dns.spf.ask import Lookups
from postwright.dns.spf.cost import Ask
from postwright.dns.spf.verdict import Verdict, examine
from postwright.dns.waves import includes
from postwright.model import Fleet

_WORKERS = 8


def review(
    fleet: Fleet, zones: Sequence[ZonePlan], left: Iterable[Record] = (), ask: Ask | None = None
) -> tuple[list[ZonePlan], list[str]]:
    """The plans, with what speaks against an SPF record among their dangers; and what the operator should know besides.

    ``left``: what we once wrote and leave to its owners, the tokens in their SPF records among it.
    """
    lookups = ask or Lookups(fleet)
    publishing = {(change.name, change.type): change.new for zone in zones for change in zone.net}

    def judged(zone: ZonePlan) -> list[Verdict]:
        changes = [change for change in zone.net if change.type == "TXT" and any(map(spf.is_spf, change.new))]
        return [examine(change.old, change.new, change.name, lookups, publishing) for change in changes]

    with ThreadPoolExecutor(_WORKERS) as pool:
        verdicts = list(pool.map(judged, zones))
    plans = [
        replace(zone, dangers=(*zone.dangers, *missed, *(error for verdict in found for error in verdict.errors)))
        for zone, missed, found in zip(zones, _missed(zones, left), verdicts, strict=True)
    ]
    return plans, [warning for found in verdicts for verdict in found for warning in verdict.warnings]


def _missed(zones: Sequence[ZonePlan], left: Iterable[Record]) -> Iterator[list[str]]:
    """For each zone what would go although records we left still include it: all their mail would be a permerror."""
    users: dict[str, list[str]] = {}
    for record in left:
        if record.type == "TXT" and spf.is_spf(record.rdata):
            for name in includes(record.rdata):
                users.setdefault(name, []).append(record.name)
    hint = "whose SPF record was left to its owner, still includes it; have the include taken out first"
    for zone in zones:
        gone = [it.name for it in zone.net if it.type == "TXT" and any(map(spf.is_spf, it.losses)) and not it.gains]
        yield [f"{name} would go, but {', '.join(users[name])}, {hint}" for name in gone if name in users]
