"""What goes into the merge of one RRset and what comes out of it. Promise: pure data."""

from __future__ import annotations

from dataclasses import dataclass

from postwright.dns.canonical import absent_from

Values = tuple[str, ...]


@dataclass(frozen=True)
class Merged:
    """The RRset after the additive step (``middle``) and after the subtractive one (``after``).

    ``ours``: what the ledger says from then on; of an SPF record only our tokens. ``alone``: nothing in ``after`` is a
    stranger's, so the TTL is ours to set.
    """

    middle: Values
    after: Values
    ours: Values
    alone: bool


@dataclass(frozen=True)
class Clash:
    """Why the RRset must not be touched, and what the operator can do."""

    reason: str


@dataclass(frozen=True)
class Sides:
    """The three sides of one RRset. ``adopt``: take what stands in an RRset of ours for our own, and replace it.

    ``consolidate``: join several SPF records into one.
    """

    name: str
    type: str
    base: Values
    live: Values
    desired: Values
    shared: bool
    adopt: bool = False
    consolidate: bool = False

    @property
    def foreign(self) -> Values:
        """What is there and neither we nor the inventory put there."""
        return absent_from(self.live, (*self.base, *self.desired), self.type)
