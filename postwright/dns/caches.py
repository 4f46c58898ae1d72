"""How long caches elsewhere may still answer as before a step. Promise: pure; nobody's cache is asked, which would fill it.

A name that was asked for while it was not there is remembered as missing for the zone's negative TTL (RFC 2308 §5); an
RRset that was there is remembered for its old TTL.
"""

from __future__ import annotations

from collections.abc import Callable

from postwright.dns.plan import DnsPlan


def stale_for(plan: DnsPlan, negative_ttl: Callable[[str], int]) -> int:
    """Seconds after the additive step within which a cache may hold an earlier answer; ``negative_ttl`` is told the zone."""
    return max(
        (
            negative_ttl(zone.zone) if change.old_ttl is None else change.old_ttl
            for zone in plan.zones
            for change in zone.additive
        ),
        default=0,
    )


def certificate_wait(plan: DnsPlan) -> int:
    """Seconds hosts must wait before they use another certificate: senders hold the old TLSA that long (RFC 7672 §8.1).

    Old and new stand side by side until the old one is removed, so this is known after a crash as well. Where none is wanted
    any more it is removed before the hosts change.
    """
    return max(
        (
            change.old_ttl or 0
            for zone in plan.zones
            for change in (*zone.additive, *zone.subtractive)
            if change.type == "TLSA" and change.old and (change.gains or change.losses)
        ),
        default=0,
    )
