"""The three-way merge of the SPF record of one name, token by token.

Promise: pure. A foreign record is never replaced, but for a parked domain and only when the operator adopts it; several
records are joined only when the operator says so, and then no foreign mechanism is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from postwright.dns import spf
from postwright.dns.canonical import same
from postwright.dns.sides import Clash, Merged, Sides, Values
from postwright.dns.spf import join as spf_join

_NOBODY = ("-all",)  # the whole record of a domain that sends no mail


def merge(sides: Sides) -> Merged | Clash:
    """Merge the SPF values of an RRset; ``sides`` holds no others."""
    base = tuple(dict.fromkeys(_tokens(sides.base)))
    if len(sides.live) > 1 and (sides.desired or base):
        return _several(sides, base)
    # With a ledger that claims tokens alone, a stranger's record with ours in it may read just like one of our own.
    # And that nobody sends may have been said by anybody: without a ledger it is not taken for ours.
    wholly_ours = any(map(spf.is_all, base)) or (not base and not _sends_nothing(sides))
    if not sides.live or (wholly_ours and same(sides.live, sides.desired, "TXT")):
        return Merged(sides.live or sides.desired, sides.live or sides.desired, sides.desired, alone=True)
    if not sides.desired and not base:
        return Merged(sides.live, sides.live, (), alone=False)
    (live,) = sides.live
    if _is_own(live, base):
        return _own(sides, live)
    return _nobody(sides) if _sends_nothing(sides) else _foreign(live, base, _wanted(sides))


def _tokens(values: Iterable[str]) -> Iterator[str]:
    return (token for value in values for token in spf.tokens_of(value))


def _wanted(sides: Sides) -> tuple[str, ...]:
    return tuple(token for token in _tokens(sides.desired) if not spf.is_all(token))


def _is_own(rdata: str, base: Iterable[str]) -> bool:
    """Whether nothing in a record is a stranger's. Only a record we created has an ``all`` of ours."""
    return any(map(spf.is_all, base)) and set(spf.tokens_of(rdata)) <= set(base)


def _own(sides: Sides, live: str) -> Merged:
    """A record with nothing of a stranger in it: replaced or removed whole, new mechanisms first."""
    middle = spf.add(live, spf.missing(live, _wanted(sides)))
    # Where only order or ``all`` differ nothing is gained early.
    return Merged((middle,), sides.desired, sides.desired, alone=True)


def _foreign(live: str, base: Sequence[str], wanted: Sequence[str]) -> Merged:
    """Our mechanisms inside a stranger's record. Its ``all`` stays, even one we once created: others rely on it now."""
    present = spf.tokens_of(live)
    mine = [token for token in base if token in present and not spf.is_all(token)]
    new = spf.missing(live, wanted)
    ours = [token for token in wanted if token in {*mine, *new}]
    after = live
    if new or set(mine) - set(wanted):
        # Taken out first and put in again, ours stand together and the stranger's strings are as they were.
        after = spf.add(spf.remove(live, mine), ours)
    kept_all = [token for token in base if spf.is_all(token) and token in present]
    return Merged((spf.add(live, new),), (after,), (spf.render([*ours, *kept_all]),) if ours else (), alone=False)


def _sends_nothing(sides: Sides) -> bool:
    return bool(sides.desired) and tuple(_tokens(sides.desired)) == _NOBODY


def _nobody(sides: Sides) -> Merged | Clash:
    """A domain that sends no mail has no token to add: a stranger's record says otherwise, and only one of both can stand.

    Replaced late, as every policy is that makes receivers stricter.
    """
    if len(sides.live) == 1 and tuple(token.lower() for token in spf.tokens_of(sides.live[0])) == _NOBODY:
        return Merged(sides.live, sides.live, (), alone=False)
    if not sides.adopt:
        return Clash(_SENDER)
    return Merged(sides.live, sides.desired, sides.desired, alone=True)


def _several(sides: Sides, base: Values) -> Merged | Clash:
    """Several records count as none, so joining them cannot make it worse: it is done in the first step."""
    if _sends_nothing(sides):
        return _nobody(sides)
    if not sides.consolidate:
        return Clash(_SEVERAL)
    strangers = sorted(value for value in sides.live if not _is_own(value, base))
    mine = tuple(token for token in base if token in set(_tokens(sides.live)) and not spf.is_all(token))
    if not strangers:
        first = min(sides.live)
        return _own(sides, spf.add(first, spf.missing(first, mine)))
    shared = [
        token for token in mine if not any(token in spf.tokens_of(it) for it in sides.live if it not in strangers)
    ]
    foreign = _without(strangers, shared)
    if obstacle := spf_join.obstacle(foreign):
        return Clash(f"the SPF records cannot be joined into one: {obstacle}; join them by hand")
    joined = spf_join.join(foreign)
    # A token the strangers have as well is theirs, and is neither doubled nor taken along when ours leave.
    still_mine = spf.missing(joined, mine)
    return _foreign(spf.add(joined, still_mine), still_mine, _wanted(sides))


def _without(records: Sequence[str], tokens: Iterable[str]) -> list[str]:
    """The records with each token taken out once, of the first that has it."""
    rest = list(records)
    for token in tokens:
        at = next(index for index, record in enumerate(rest) if token in spf.tokens_of(record))
        rest[at] = spf.remove(rest[at], [token])
    return rest


_SENDER = (
    "the inventory says that the domain sends no mail, but somebody else's SPF record names senders; remove it by hand, or"
    " run again with --adopt to replace it"
)
_SEVERAL = (
    "there is more than one SPF record, which receivers treat as none (RFC 7208 §4.5); join them by hand, or run again with"
    " --consolidate to have them joined into one"
)
