"""Judges every SPF record a plan would write, before it is written. Reads live DNS, changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from postwright.dns import spf
from postwright.dns.plan import ZonePlan
from postwright.dns.spf.ask import Lookups
from postwright.dns.spf.cost import Ask
from postwright.dns.spf.verdict import Verdict, examine
from postwright.model import Fleet

_WORKERS = 8


def review(fleet: Fleet, zones: Sequence[ZonePlan], ask: Ask | None = None) -> tuple[list[ZonePlan], list[str]]:
    """The plans, with what speaks against an SPF record among their dangers; and what the operator should know besides."""
    lookups = ask or Lookups(fleet)
    publishing = {(change.name, change.type): change.new for zone in zones for change in zone.net}

    def judged(zone: ZonePlan) -> list[Verdict]:
        changes = [change for change in zone.net if change.type == "TXT" and any(map(spf.is_spf, change.new))]
        return [examine(change.old, change.new, change.name, lookups, publishing) for change in changes]

    with ThreadPoolExecutor(_WORKERS) as pool:
        verdicts = list(pool.map(judged, zones))
    plans = [
        replace(zone, dangers=(*zone.dangers, *(error for verdict in found for error in verdict.errors)))
        for zone, found in zip(zones, verdicts, strict=True)
    ]
    return plans, [warning for found in verdicts for verdict in found for warning in verdict.warnings]
