"""The three-way merge of one RRset: what we last wrote (base), what is there (live), what we want (desired).

Promise: pure. A value found in neither base nor desired is a stranger's: it is kept where the RRset is shared, and refused
where the RRset is ours alone, unless the operator adopts it. A value of ours that vanished is simply put back: that harms
nobody. Texts of values that stay are returned in the very spelling they were read in.
"""

from __future__ import annotations

from dataclasses import replace

from postwright.dns import spf
from postwright.dns.canonical import absent_from, canonical, same
from postwright.dns.kinds import dkim, dmarc
from postwright.dns.sides import Clash, Merged, Sides, Values
from postwright.dns.spf import merge as merge_spf

_NULL_MX = "0 ."


def merge(sides: Sides) -> Merged | Clash:
    """Merge by the class of the RRset: exclusive, or shared by value, and inside SPF by token."""
    if not sides.shared:
        return _exclusive(sides)
    match sides.type:
        case "TXT":
            return _txt(sides)
        case "MX":
            return _mx(sides)
        case _:
            return _beside_others(sides)


def _exclusive(sides: Sides) -> Merged | Clash:
    if sides.foreign and not sides.adopt:
        return Clash(_EXCLUSIVE if sides.desired else _ABANDONED)
    after = sides.live if same(sides.live, sides.desired, sides.type) else sides.desired
    return Merged(_early(sides, after), after, sides.desired, alone=True)


def _early(sides: Sides, after: Values) -> Values:
    """What an exclusive RRset holds once everything additive is written.

    Addresses, pointers and TLSA may be several, so old and new overlap. Two TXT values at these names would be undefined,
    so they are swapped: a key early, because the host will sign with it; a revoked one late, when no host does any more; a
    policy late, when the mail is fit for it or the hosts serve it. A CNAME cannot be two either, and is swapped early: what
    it leads to is published by then, and hosts may need it.
    """
    if sides.type == "TLSA" and not (sides.live and after):
        return ()  # a first one when the host has the key, the last one gone before it may have another
    if after and not sides.live and _promises(sides.name, after[0]):
        return ()
    if not sides.live or not after:
        return sides.live or after
    if sides.type == "TXT":
        return after if dkim.is_key_name(sides.name) and dkim.public_part(after[0]) else sides.live
    if sides.type == "CNAME":
        return after
    return (*sides.live, *absent_from(after, sides.live, sides.type))


def _promises(name: str, value: str) -> bool:
    """Whether a first value says what must be true by then: a strict policy for mail, or that an MTA-STS policy is served."""
    return name.startswith("_mta-sts.") or (name.startswith("_dmarc.") and bool(dmarc.lowered(value, "")))


def _by_value(sides: Sides) -> Merged:
    """Shared RRset: ours in, what was ours out, the rest as it is."""
    gone = {canonical(sides.type, value) for value in absent_from(sides.base, sides.desired, sides.type)}
    middle = (*sides.live, *absent_from(sides.desired, sides.live, sides.type))
    after = tuple(value for value in middle if canonical(sides.type, value) not in gone)
    return Merged(middle, after, sides.desired, alone=not sides.foreign)


def _beside_others(sides: Sides) -> Merged:
    """As ``_by_value``, but what somebody else wrote before us stays his, even if we want the very same.

    A CAA that admits an authority does not say who needs it: it must not go when it is we who no longer do.
    """
    theirs = absent_from(sides.live, sides.base, sides.type)
    ours = absent_from(sides.desired, theirs, sides.type)
    return replace(_by_value(sides), ours=ours, alone=not theirs)


def _mx(sides: Sides) -> Merged | Clash:
    """A first MX of ours beside a stranger's would split the domain's mail: that is for the operator to decide.

    Once ours are there, a stranger's beside them is taken for a backup and kept. One that is adopted is swapped in one step,
    and late: until then mail goes where it went, and a run cut short finds the same conflict. So is a null MX, which stands
    alone (RFC 7505 §3).
    """
    lone = _NULL_MX in (*sides.desired, *sides.foreign)
    ours_there = len(absent_from(sides.base, sides.live, "MX")) < len(sides.base)
    if sides.foreign and absent_from(sides.desired, sides.live, "MX") and (lone or not ours_there):
        if not sides.adopt:
            return Clash(_MX)
        return Merged(sides.live, sides.desired, sides.desired, alone=True)
    merged = _by_value(sides)
    if merged.middle != merged.after and _NULL_MX in merged.middle:
        return Merged(sides.live or merged.after, merged.after, merged.ours, merged.alone)
    return merged


def _txt(sides: Sides) -> Merged | Clash:
    """The RRset's SPF record by token, its other values by value."""
    merged, rest = merge_spf.merge(_split(sides, spf_only=True)), _by_value(_split(sides, spf_only=False))
    if isinstance(merged, Clash):
        return merged
    return Merged(
        (*rest.middle, *merged.middle),
        (*rest.after, *merged.after),
        (*rest.ours, *merged.ours),
        alone=merged.alone and rest.alone,
    )


def _split(sides: Sides, *, spf_only: bool) -> Sides:
    def part(values: Values) -> Values:
        return tuple(value for value in values if spf.is_spf(value) is spf_only)

    return replace(sides, base=part(sides.base), live=part(sides.live), desired=part(sides.desired))


_ADOPT = "or run again with --adopt to replace it"
_EXCLUSIVE = f"somebody else's value stands where only ours may; remove it by hand, {_ADOPT}"
_ABANDONED = (
    "the inventory no longer wants this, but the value is not the one we wrote; delete it by hand, take its lines out of the"
    " ledger file to leave it to its owner, or run again with --adopt to delete it"
)
_MX = f'the domain already has an MX of somebody else; set mx="keep" on the domain to leave it alone, {_ADOPT}'
