"""Where zones live: two methods, read what is there and apply changes.

Promise: a provider compares nothing and decides nothing; the diff does. It either did all of a change or raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from postwright.dns.plan import Change, RRset
from postwright.errors import ProviderError
from postwright.model import Fleet, Zone


class ZoneMoved(ProviderError):  # noqa: N818 - it says what happened, as UnsafePlan does
    """The zone is no longer what the plan was made from. Plan again, then apply; a few times at most.

    Whatever landed before it in the same step is in the ledger, and the next plan starts from there. ``untouched``: it is
    certain that nothing did.
    """

    def __init__(self, text: str, *, untouched: bool = False) -> None:
        super().__init__(text)
        self.untouched = untouched


class PasteNeeded(ProviderError):  # noqa: N818 - not a failure: a person has to do the rest
    """The provider cannot write by itself; what is to be done stands in a file. The ledger keeps its claim to it."""


class OutcomeUnknown(ProviderError):  # noqa: N818 - it says what is known: nothing
    """A write broke off: it was done, or not, or will be yet, for it may still be on its way.

    The ledger keeps its claim to it.
    """


class NotAsked(ProviderError):  # noqa: N818 - it says what happened: nothing
    """A server that did not answer for other zones was not asked for this one. ``reason`` is the same for all of them."""

    def __init__(self, zone: str, reason: str) -> None:
        super().__init__(f"zone {zone}: not asked for: {reason}")
        self.zone, self.reason = zone, reason


class Provider(Protocol):
    """The contract; ``tests/provider`` proves it for each kind.

    ``compares``: the server itself refuses all changes of an ``apply`` unless each RRset still has the ``old`` values (it may
    have another TTL), and nothing has come in its way.
    """

    compares: ClassVar[bool]

    def read(self, zone: str, wanted: Iterable[tuple[str, str]]) -> tuple[RRset, ...]:
        """The RRsets at the wanted (name, type); what is not there is left out.

        Values are lossless. A CNAME at a wanted name comes as an RRset of type CNAME. A wanted name that lies below a
        delegation comes as an RRset of type NS with that name and the child zone's servers. What the provider lets nobody
        change is marked ``locked``. Raises ProviderError if any name could not be answered with authority: half an answer
        would make a wrong plan.
        """

    def apply(self, zone: str, changes: Sequence[Change]) -> None:
        """Write the changes, each only if its RRset still is ``old``.

        Raises ZoneMoved where one is not, OutcomeUnknown where the answer was lost, ProviderError otherwise. Must not
        touch any other value. The caller reads back. ``changes`` carry the ids that ``read`` gave.
        """


@runtime_checkable
class Keeping(Protocol):
    """A provider that reads many zones with less effort if it knows that there are many."""

    def kept(self) -> AbstractContextManager[None]:
        """Around the reading of many zones."""


def provider_of(fleet: Fleet, zone: Zone, base_dir: Path) -> Provider:
    """The provider of a zone. Its secret is read now, relative to ``base_dir``; UsageError when that fails.

    Only the client that is used is loaded.
    """
    config = fleet.providers[zone.provider]
    match config.kind:
        case "rfc2136":
            from postwright.dns.providers.rfc2136 import Rfc2136Provider  # noqa: PLC0415

            return Rfc2136Provider.open(zone.provider, config, base_dir)
        case "cloudflare":
            from postwright.dns.providers.cloudflare import CloudflareProvider  # noqa: PLC0415

            return CloudflareProvider.open(zone.provider, config, fleet, base_dir)
        case "octodns":
            from postwright.dns.providers.octodns import OctodnsProvider  # noqa: PLC0415

            return OctodnsProvider.open(zone.provider, config, base_dir, fleet)
        case "zonefile":
            from postwright.dns.providers.zonefile import ZonefileProvider  # noqa: PLC0415

            return ZonefileProvider.open(config, fleet, base_dir)
