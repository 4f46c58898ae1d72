"""Where zones live: two methods, read what is there and apply changes.

Promise: a provider compares nothing and decides nothing; the diff does. It either did all of a change or raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from postwright.dns.plan import Change, RRset
from postwright.errors import ProviderError
from postwright.model import Fleet, Zone


class ZoneMoved(ProviderError):  # noqa: N818 - it says what happened, as UnsafePlan does
    """The zone is no longer what the plan was made from. Plan again, then apply; a few times at most.

    Whatever landed before it in the same step is in the ledger, and the next plan starts from there.
    """


class Provider(Protocol):
    """The contract; ``tests/provider`` proves it for each kind."""

    def read(self, zone: str, wanted: Iterable[tuple[str, str]]) -> tuple[RRset, ...]:
        """The RRsets at the wanted (name, type); what is not there is left out.

        Values are lossless. A CNAME at a wanted name comes as an RRset of type CNAME. Raises ProviderError if any name
        could not be answered with authority: half an answer would make a wrong plan.
        """

    def apply(self, zone: str, changes: Sequence[Change]) -> None:
        """Write the changes, each only if its RRset still is ``old``.

        Raises ZoneMoved where one is not, ProviderError otherwise. Must not touch any other value. The caller reads back.
        """


def provider_of(fleet: Fleet, zone: Zone, base_dir: Path) -> Provider:
    """The provider of a zone. Its secret is read now, relative to ``base_dir``; UsageError when that fails."""
    config = fleet.providers[zone.provider]
    match config.kind:
        case "rfc2136":
            from postwright.dns.providers.rfc2136 import Rfc2136Provider  # noqa: PLC0415 - only the client that is used

            return Rfc2136Provider.open(zone.provider, config, base_dir)
