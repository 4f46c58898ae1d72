"""SPF records as tokens: made, merged into a foreign record, and taken out again (RFC 7208).

Promise: pure. The unit of ownership is one token. A foreign token keeps its place, its qualifier and every octet, and
with our tokens taken out again the record is what it was, down to the cuts between its strings (only a version that is
itself cut in two is joined). ``all``, ``redirect=`` and ``exp=`` of a record that is not wholly ours are never touched.
Nothing is resolved here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network
from itertools import accumulate, pairwise

from postwright.dns.canonical import txt_octets, txt_rdata, txt_strings

_VERSION = b"v=spf1"
_STRING_OCTETS = 255


def render(tokens: Iterable[str]) -> str:
    """The rdata of a record with these tokens and no others."""
    return txt_rdata([b" ".join([_VERSION, *(token.encode("latin-1") for token in tokens)])])


def is_spf(rdata: str) -> bool:
    """Whether a TXT value is an SPF record: ``v=spf1`` in any case, then a space or the end (RFC 7208 §4.5)."""
    octets = txt_octets(rdata)
    return octets[: len(_VERSION)].lower() == _VERSION and octets[len(_VERSION) :][:1] in (b"", b" ")


def tokens_of(rdata: str) -> tuple[str, ...]:
    """The terms after the version, each octet as one character, so that nothing foreign is lost."""
    return tuple(token.decode("latin-1") for token in txt_octets(rdata)[len(_VERSION) :].split(b" ") if token)


def missing(rdata: str, wanted: Iterable[str]) -> tuple[str, ...]:
    """The wanted mechanisms a receiver would not come to: absent, or behind ``all``, which ends evaluation (§5.1).

    ``+ip4:192.0.2.1/32`` and ``ip4:192.0.2.1`` are the same; a token with another qualifier is another token.
    """
    reached = set()
    for token in tokens_of(rdata):
        if is_all(token):
            break
        reached.add(meaning(token))
    return tuple(token for token in wanted if meaning(token) not in reached)


def add(rdata: str, tokens: Sequence[str]) -> str:
    """The record with tokens put directly after the version, so that no foreign include can fail before them.

    Where the first string has no room, ours become strings of their own; ``remove`` knows them by that.
    """
    if not tokens:
        return rdata
    first, *others = _strings(rdata)
    version, rest = first[: len(_VERSION)], first[len(_VERSION) :]
    ours = b"".join(b" " + token.encode("latin-1") for token in tokens)
    if len(first) + len(ours) <= _STRING_OCTETS:
        return txt_rdata([version + ours + rest, *others])
    return txt_rdata([version, ours, *([rest] if rest else []), *others])


def remove(rdata: str, tokens: Iterable[str]) -> str:
    """The record without these exact tokens, each taken out once, at its first place; others keep their strings.

    A string that held nothing else was made by ``add``: what it parted is joined again.
    """
    strings = _strings(rdata)
    octets = b"".join(strings)
    ends = list(accumulate(map(len, strings)))
    for token in tokens:
        at, length = _place(octets, token.encode("latin-1"))
        octets = octets[:at] + octets[at + length :]
        ends = [end if end <= at else max(at, end - length) for end in ends]
    sizes = [end - start for start, end in pairwise([0, *ends])]
    emptied = [bool(string) and not size for string, size in zip(strings, sizes, strict=True)]
    return _cut(octets, [end for end, sides in zip(ends, pairwise(emptied), strict=False) if not any(sides)])


def is_all(token: str) -> bool:
    """Whether a token is the ``all`` mechanism, with whatever qualifier."""
    return token.lstrip("+-~?").lower() == "all"


def is_modifier(token: str) -> bool:
    """Whether a token is a modifier, ``name=value``, and no mechanism; its place in the record means nothing."""
    return name_of(token).endswith("=")


def name_of(token: str) -> str:
    """The mechanism or, with its ``=``, the modifier a token is, in lower case without qualifier: ``ip4``, ``redirect=``."""
    name, sign = next(((token[:at], it) for at, it in enumerate(token) if it in ":/="), (token, ""))
    return f"{name.lower()}=" if sign == "=" else name.lstrip("+-~?").lower()


def meaning(token: str) -> str:
    """What a token says, in one spelling; case counts only in macros, where ``%{I}`` is not ``%{i}`` (RFC 7208 §7.3)."""
    text = (token if "%" in token else token.lower()).removeprefix("+")
    mechanism, colon, value = text.partition(":")
    if not colon or mechanism not in {"ip4", "ip6"}:
        return text
    try:
        return f"{mechanism}:{ip_network(value, strict=False)}"
    except ValueError:
        return text


def _strings(rdata: str) -> Sequence[bytes]:
    strings = txt_strings(rdata)
    return strings if len(strings[0]) >= len(_VERSION) else txt_strings(txt_rdata([b"".join(strings)]))


def _place(octets: bytes, token: bytes) -> tuple[int, int]:
    """Offset and length of a whole token and the space before it; length 0 when it is not there."""
    at = len(_VERSION)
    for term in octets[at:].split(b" ")[1:]:
        if term == token:
            return at, len(token) + 1
        at += len(term) + 1
    return 0, 0


def _cut(octets: bytes, cuts: Iterable[int]) -> str:
    edges = [0, *sorted(cuts), len(octets)]
    return txt_rdata(octets[start:end] for start, end in pairwise(edges))
