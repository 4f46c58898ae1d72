"""The three-way merge of one RRset: what we last wrote (base), what is there (live), what we want (desired).

Promise: pure. A value found in neither base nor desired is a stranger's: it is kept where the RRset is shared, and refused
where the RRset is ours alone, unless the operator adopts it. A value of ours that vanished is simply put back: that harms
nobody. Texts of values that stay are returned in the very spelling they were read in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postwright.dns import dkim, spf
from postwright.dns.canonical import absent_from, canonical, same

Values = tuple[str, ...]
_NULL_MX = "0 ."


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
    """The three sides of one RRset. ``adopt``: take what stands in an RRset of ours for our own, and replace it."""

    name: str
    type: str
    base: Values
    live: Values
    desired: Values
    shared: bool
    adopt: bool = False

    @property
    def foreign(self) -> Values:
        """What is there and neither we nor the inventory put there."""
        return absent_from(self.live, (*self.base, *self.desired), self.type)


def merge(sides: Sides) -> Merged | Clash:
    """Merge by the class of the RRset: exclusive, or shared by value, and inside SPF by token."""
    if not sides.shared:
        return _exclusive(sides)
    return _txt(sides) if sides.type == "TXT" else _mx(sides)


def _exclusive(sides: Sides) -> Merged | Clash:
    if sides.foreign and not sides.adopt:
        return Clash(_EXCLUSIVE if sides.desired else _ABANDONED)
    after = sides.live if same(sides.live, sides.desired, sides.type) else sides.desired
    return Merged(_early(sides, after), after, sides.desired, alone=True)


def _early(sides: Sides, after: Values) -> Values:
    """What an exclusive RRset holds once everything additive is written.

    Addresses and pointers may be several, so old and new overlap. Two TXT values at these names would be undefined, so
    they are swapped: a key early, because the host will sign with it; a policy late, when the mail is fit for it.
    """
    if not sides.live or not after:
        return sides.live or after
    if sides.type == "TXT":
        return after if dkim.is_key_name(sides.name) else sides.live
    return (*sides.live, *absent_from(after, sides.live, sides.type))


def _by_value(sides: Sides) -> Merged:
    """Shared RRset: ours in, what was ours out, the rest as it is."""
    gone = {canonical(sides.type, value) for value in absent_from(sides.base, sides.desired, sides.type)}
    middle = (*sides.live, *absent_from(sides.desired, sides.live, sides.type))
    after = tuple(value for value in middle if canonical(sides.type, value) not in gone)
    return Merged(middle, after, sides.desired, alone=not sides.foreign)


def _mx(sides: Sides) -> Merged | Clash:
    """A first MX of ours beside a stranger's would split the domain's mail: that is for the operator to decide.

    Once ours are there, a stranger's beside them is taken for a backup and kept. A null MX stands alone (RFC 7505 §3), so
    it is swapped, and late: until then mail goes where it went.
    """
    lone = _NULL_MX in (*sides.desired, *sides.foreign)
    if sides.foreign and absent_from(sides.desired, sides.live, "MX") and (lone or not sides.base):
        if not sides.adopt:
            return Clash(_MX)
        return Merged(sides.live if lone else _by_value(sides).middle, sides.desired, sides.desired, alone=True)
    merged = _by_value(sides)
    if merged.middle != merged.after and _NULL_MX in merged.middle:
        return Merged(sides.live or merged.after, merged.after, merged.ours, merged.alone)
    return merged


def _txt(sides: Sides) -> Merged | Clash:
    """The RRset's SPF record by token, its other values by value."""
    spf_part, others = _split(sides, spf_only=True), _split(sides, spf_only=False)
    if len(spf_part.live) > 1 and (spf_part.desired or spf_part.base):
        return Clash(_SPF)
    merged, rest = _spf(spf_part), _by_value(others)
    return Merged(
        (*rest.middle, *merged.middle),
        (*rest.after, *merged.after),
        (*rest.ours, *merged.ours),
        alone=merged.alone and rest.alone,
    )


def _split(sides: Sides, *, spf_only: bool) -> Sides:
    def part(values: Values) -> Values:
        return tuple(value for value in values if spf.is_spf(value) is spf_only)

    return Sides(sides.name, sides.type, part(sides.base), part(sides.live), part(sides.desired), sides.shared)


def _spf(sides: Sides) -> Merged:
    base = tuple(dict.fromkeys(token for value in sides.base for token in spf.tokens_of(value)))
    if not sides.live or same(sides.live, sides.desired, "TXT"):
        return Merged(sides.live or sides.desired, sides.live or sides.desired, sides.desired, alone=True)
    (live,) = sides.live
    if any(map(spf.is_all, base)) and set(spf.tokens_of(live)) <= set(base):
        return _own_spf(sides, live)  # only a record we created has an ``all`` of ours
    wanted = tuple(token for value in sides.desired for token in spf.tokens_of(value) if not spf.is_all(token))
    return _foreign_spf(live, base, wanted)


def _own_spf(sides: Sides, live: str) -> Merged:
    """A record with nothing of a stranger in it: replaced or removed whole, new mechanisms first."""
    wanted = [token for value in sides.desired for token in spf.tokens_of(value) if not spf.is_all(token)]
    middle = spf.add(live, spf.missing(live, wanted))
    # Where only order or ``all`` differ nothing is gained early.
    return Merged((middle,), sides.desired, sides.desired, alone=True)


def _foreign_spf(live: str, base: Sequence[str], wanted: Sequence[str]) -> Merged:
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


_ADOPT = "or run again with --adopt to replace it"
_EXCLUSIVE = f"somebody else's value stands where only ours may; remove it by hand, {_ADOPT}"
_ABANDONED = (
    "the inventory no longer wants this, but the value is not the one we wrote; delete it by hand, take its lines out of the"
    " ledger file to leave it to its owner, or run again with --adopt to delete it"
)
_MX = f'the domain already has an MX of somebody else; set mx="keep" on the domain to leave it alone, {_ADOPT}'
_SPF = "there is more than one SPF record, which receivers treat as none (RFC 7208 §4.5); join them into one by hand"
