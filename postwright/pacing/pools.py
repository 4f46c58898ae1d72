"""Which lanes a message may take: those of its stream's pools. Pure.

Promise: no mail is given a lane of a pool its stream does not name, and mail of no stream only one of the default pool.
A pool behind the first is taken only where no address before it can take mail at all: all shut, not begun, not on the
host, or of an IP version the recipient does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .accounts import LaneState


class Ways(NamedTuple):
    """``lanes``: to decide among; ``spare``: of each pool behind, to which a stream may overflow; ``allowed``: all of them."""

    lanes: Sequence[LaneState]
    spare: Sequence[Sequence[LaneState]]
    allowed: Sequence[LaneState]


def ways(lanes: Iterable[LaneState], pools: Sequence[str], versions: frozenset[int], now: float) -> Ways:
    """Of a provider's lanes those for these pools, best first; none if no address of them is on this host.

    ``versions``: of IP that the recipient's hosts have; empty if that does not matter. Where none fits all count, for
    Postfix to say so.
    """
    tiers = [tier for pool in pools if (tier := [it for it in lanes if it.lane.address.pool == pool])]
    reaching = [fit for tier in tiers if (fit := [it for it in tier if _reaches(it, versions)])] or tiers
    at = next((at for at, tier in enumerate(reaching) if any(it.usable(now) for it in tier)), 0)
    allowed = [it for tier in tiers for it in tier]
    return Ways(reaching[at] if reaching else (), reaching[at + 1 :], allowed)


def _reaches(lane: LaneState, versions: frozenset[int]) -> bool:
    return not versions or lane.lane.address.version in versions
