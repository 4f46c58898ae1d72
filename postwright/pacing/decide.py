"""Which lane a message takes now, or where it waits. Pure: the same state and message give the same decision.

Promises: a budget is never exceeded but by a stream whose inventory says bypass; mail never overtakes held mail that could
go; a lane that is suspended, paused, stopped or not yet begun takes nothing at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from .accounts import Account, LaneState
from .config import Stream


class Decision(NamedTuple):
    """``what``: pass by the lane, hold at it, or hand over to the relay (no lane). ``bypassed``: beyond the budget."""

    what: Literal["pass", "hold", "relay"]
    lane: LaneState | None
    bypassed: bool = False


class Question(NamedTuple):
    """A message: the lanes that reach it, the account of its sender's domain there, its stream, whether it goes first.

    ``spare``: the lanes of each pool it may leave from where those have no budget.
    """

    lanes: Sequence[LaneState]
    budget: Account | None
    stream: Stream | None
    first: bool
    now: float
    spare: Sequence[Sequence[LaneState]] = ()


def decide(asked: Question, budgets: Mapping[str, Account], *, relay: bool, patient: bool = True) -> Decision:
    """The decision; ``budgets`` are all domain budgets, ``relay`` whether there is one to overflow to.

    ``patient``: the stream's ``after`` counts; it has passed otherwise.
    """
    lane = in_budget(asked, budgets)
    if lane:
        return Decision("pass", lane)
    full = asked.stream.when_full if asked.stream and not (patient and asked.stream.after) else "wait"
    if full == "fallback" and (lane := _spared(asked, budgets)):
        return Decision("pass", lane)
    if full == "bypass" and (lane := beyond(asked)):
        return Decision("pass", lane, bypassed=True)
    if full == "overflow" and relay:
        return Decision("relay", None)
    return Decision("hold", min(asked.lanes, key=lambda it: it.wait(asked.now)))


def _spared(asked: Question, budgets: Mapping[str, Account]) -> LaneState | None:
    """The lane of the first pool behind the stream's own that has budget."""
    found = (in_budget(asked._replace(lanes=lanes), budgets) for lanes in asked.spare)
    return next((lane for lane in found if lane), None)


def in_budget(asked: Question, budgets: Mapping[str, Account]) -> LaneState | None:
    """The warming lane with the largest share left, else the first warm one with the fewest messages under way."""
    now = asked.now
    if asked.budget and asked.budget.room(now) < 1:
        return None
    found = [it for it in asked.lanes if it.free(now) >= 1 and (asked.first or not _queue(it, asked, budgets))]
    warming = [it for it in found if it.account.limited and it.account.room(now) >= 1]
    if warming:
        return max(warming, key=lambda it: it.account.left())
    warm = [it for it in found if not it.account.limited]
    return min(warm, key=lambda it: len(it.outstanding)) if warm else None


def _queue(lane: LaneState, asked: Question, budgets: Mapping[str, Account]) -> bool:
    """Whether mail is held at the lane that its domain budget would let go."""
    return bool(lane.waiting) and any(may_go(name, budgets, asked.now) for name in lane.waiting)


def may_go(name: str, budgets: Mapping[str, Account], now: float) -> bool:
    """Whether a domain budget has a token; "" and one that is no longer in the configuration limit nothing."""
    account = budgets.get(name)
    return account is None or account.room(now) >= 1


def beyond(asked: Question) -> LaneState | None:
    """The lane for mail that need not wait for a budget: the one with most of it left among those that take mail."""
    found = [it for it in asked.lanes if it.free(asked.now) >= 1]
    return max(found, key=lambda it: (it.account.left(), -len(it.outstanding))) if found else None


def stream_of(streams: Sequence[Stream], sender: str, user: str) -> Stream | None:
    """The first stream that names the login, the sender's address or its @domain."""
    sender = sender.lower()
    domain = sender[sender.rfind("@") :] if "@" in sender else ""
    for stream in streams:
        if (user and user in stream.users) or (sender and (sender in stream.senders or domain in stream.senders)):
            return stream
    return None
