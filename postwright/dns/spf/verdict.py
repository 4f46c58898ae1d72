"""Whether an SPF record may be written, judged by what it costs before and after.

Promise: pure but for the callback that looks names up. Ours that breaks a limit which held is an error. A limit that others
broke before us is a warning: our tokens stand first, so our mail passes before a receiver counts that far.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from postwright.dns.spf.cost import ANSWER_OCTETS, LOOKUPS, TEXT_OCTETS, VOIDS, Ask, Cost, cost, planned


@dataclass(frozen=True)
class Verdict:
    """What speaks against writing the record, and what the operator should know."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def examine(
    before: Sequence[str],
    after: Sequence[str],
    name: str,
    ask: Ask,
    publishing: Mapping[tuple[str, str], tuple[str, ...]] | None = None,
) -> Verdict:
    """Judge a change of the TXT RRset at ``name`` from ``before`` to ``after`` (presentation text of all its values).

    ``publishing``: (name, type) → values of all else that the same plan writes, such as the record of an ``include`` of
    ours. At most 30 questions for each side; an ``ask`` with a cache makes most of them one.
    """
    then = cost(after, name, planned(ask, publishing or {}))
    return notes(cost(before, name, ask), then, name) if then else Verdict()


def notes(before: Cost | None, after: Cost, name: str) -> Verdict:
    """The verdict on two costs; ``before`` is None where there was no record, or several."""
    errors, warnings = [], []
    for what, there, then, limit in (
        ("DNS lookups", before.lookups if before else 0, after.lookups, LOOKUPS),
        ("lookups without an answer", before.voids if before else 0, after.voids, VOIDS),
    ):
        count = then if after.complete else f"at least {then}"
        if then > limit >= there:
            errors.append(f"SPF of {name}: would cost receivers {count} {what}, and {limit} are allowed; {_LESS}")
        elif then > limit:
            warnings.append(f"SPF of {name}: costs receivers {count} {what}, and {limit} are allowed; {_FIRST}")
    known = set(before.problems) if before else set()
    for problem in after.problems:
        if problem in known:
            warnings.append(f"SPF of {name}: receivers may reject the record: {problem}; its owner should mend it")
        else:
            errors.append(f"SPF of {name}: receivers would reject the record: {problem}; {_MEND}")
    return Verdict(tuple(errors), (*warnings, *_sizes(before, after, name), *_unknown(after, name)))


def _sizes(before: Cost | None, after: Cost, name: str) -> Iterator[str]:
    """Said once, when a limit is crossed: resolvers get by with it today, by EDNS or TCP."""
    there = (before.octets, before.rrset_octets) if before else (0, 0)
    if after.octets > TEXT_OCTETS >= there[0]:
        hint = f"more than the {TEXT_OCTETS} that RFC 7208 §3.4 advises; spf_include keeps addresses out of it"
        yield f"SPF of {name}: becomes {after.octets} octets long, {hint}"
    if after.rrset_octets > ANSWER_OCTETS >= there[1]:
        hint = f"more than the {ANSWER_OCTETS} of plain UDP; receivers without EDNS must ask again over TCP"
        yield f"TXT of {name}: the answer with all its values becomes {after.rrset_octets} octets, {hint}"


def _unknown(after: Cost, name: str) -> Iterator[str]:
    if not after.complete:
        numbers = f"at least {after.lookups} lookups, {after.voids} of them without an answer"
        yield f"SPF of {name}: cost unknown, {numbers}; could not be looked up: {', '.join(after.unknown)}"


_LESS = "take an include out, or name addresses instead"
_FIRST = "it did before, and our tokens come first, so our mail still passes; tell the record's owner"
_MEND = "mend what it names, or take the term out"
