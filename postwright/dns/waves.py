"""What must be published first: the zones that others lead into. Pure.

An ``include:`` of a name that is not there yet is a permerror for all mail of the domain (RFC 7208 §5.2), an MX or CNAME that
leads to nothing loses mail. So what is led to is written first, and the rest only if that went well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postwright.dns import spf
from postwright.dns.plan import Change, ZonePlan


def leaders(zones: Sequence[ZonePlan]) -> frozenset[str]:
    """The zones in which something comes that a record coming in another zone leads to."""
    home = {change.name: zone.zone for zone in zones for change in zone.additive if change.new}
    return frozenset(
        home[target]
        for zone in zones
        for change in zone.additive
        for target in targets(change)
        if home.get(target, zone.zone) != zone.zone
    )


def targets(change: Change) -> Iterator[str]:
    """The names that what a change puts in leads to: what SPF includes, a CNAME's or an MX's target."""
    for value in change.gains:
        if change.type in {"CNAME", "MX"}:
            yield value.split()[-1].rstrip(".").lower()
        elif change.type == "TXT" and spf.is_spf(value):
            yield from includes(value)


def includes(rdata: str) -> Iterator[str]:
    """The names an SPF record includes, macros left out."""
    for token in spf.tokens_of(rdata):
        if spf.name_of(token) == "include" and "%" not in token:
            yield token.partition(":")[2].rstrip(".").lower()
