"""One DKIM key and where it stands in its life. Pure.

generated → published → confirmed → active → retiring → revoked → deleted. In DNS from ``generated`` on as a key, while
``revoked`` as an empty ``p=`` (RFC 6376 §3.6.1), and not at all once ``deleted``. Its entry stays for good: a selector
that is ours to choose is never used again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

State = Literal["generated", "published", "confirmed", "active", "retiring", "revoked", "deleted"]
Algorithm = Literal["rsa", "ed25519"]

STATES: tuple[State, ...] = get_args(State)
PENDING = frozenset({"generated", "published", "confirmed"})
SIGNING = frozenset({"confirmed", "active"})  # hosts may sign with it
VALID = frozenset({"generated", "published", "confirmed", "active", "retiring"})  # DNS shows the key itself

_NEXT: Mapping[State, frozenset[State]] = {
    "generated": frozenset({"published", "deleted"}),
    "published": frozenset({"confirmed", "retiring", "deleted"}),
    "confirmed": frozenset({"active", "retiring", "published"}),  # back when the proof failed
    "active": frozenset({"retiring"}),
    "retiring": frozenset({"confirmed", "revoked"}),  # back: reversible until revoked
    "revoked": frozenset({"deleted"}),
    "deleted": frozenset(),
}


@dataclass(frozen=True)
class Key:
    """``p``: the ``p=`` tag; empty for a key that is only foreseen. ``bits``: of the RSA modulus, 256 for Ed25519.

    ``host``: the one host that signs with it; None: all hosts of the domain. ``history``: when it came into each state.
    ``usable``: the moment from which no cache can hold an earlier answer. ``record``: the text of its TXT record where it
    was somebody else's before; ``home``: where it stands if not below the domain itself. ``here``: whether the keyring has the private key. ``why`` it was made; ``note``: what
    holds it up. ``told``: when DNS said that it is revoked, or deleted. ``off_hosts``: when an apply had taken it off every host, so that nothing more was signed with it.
    """

    selector: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
    state: State
    algorithm: Algorithm
    bits: int
    p: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*=*$")]
    host: str | None = None
    history: dict[State, datetime] = field(default_factory=dict)
    usable: datetime | None = None
    record: str | None = None
    home: str | None = None
    compromised: bool = False
    here: bool = True
    off_hosts: datetime | None = None
    told: datetime | None = None
    why: str = ""
    note: str = ""

    def to(self, state: State, now: datetime, **changes: Any) -> Key:
        """The key in its next state; ValueError for a way it must not go."""
        if state not in _NEXT[self.state]:
            raise ValueError(f"{self.selector}: a key that is {self.state} never becomes {state}")
        return replace(self, state=state, history={**self.history, state: now}, told=None, **changes)

    def name(self, domain: str) -> str:
        """Where its TXT record stands."""
        return self.home or record_name(self.selector, domain)

    @property
    def since(self) -> datetime:
        """When it came into its state."""
        return self.history[self.state]

    @property
    def created(self) -> datetime:
        return min(self.history.values())

    @property
    def has_signed(self) -> bool:
        """Whether a host may ever have signed with it."""
        return "confirmed" in self.history

    @property
    def held_back(self) -> bool:
        """Whether hosts tried to sign with it and the proof failed."""
        return self.state == "published" and self.has_signed

    @property
    def kind(self) -> str:
        """``RSA-2048`` or ``Ed25519``."""
        return f"RSA-{self.bits}" if self.algorithm == "rsa" else "Ed25519"


Keys = tuple[Key, ...]


def record_name(selector: str, domain: str) -> str:
    """Where a verifier looks for a selector's key (RFC 6376 §3.6.2.1)."""
    return f"{selector}._domainkey.{domain}"
