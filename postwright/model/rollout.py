"""What an inventory says of how changes reach the hosts, and how many earlier states of a host are kept. Pure."""

from __future__ import annotations

from pydantic import Field

from postwright.model.fields import Strict


class Rollout(Strict):
    """How an apply goes through several hosts.

    ``canary``: one host first, proven by a signed message, then the others; False: all at once. ``batch``: how many of the
    others at a time. ``generations``: states of its files that a host keeps, the present one among them.
    """

    canary: bool = True
    batch: int = Field(default=5, ge=1, le=1000)
    generations: int = Field(default=5, ge=2, le=100)
