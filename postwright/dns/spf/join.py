"""Several SPF records of one name made into one (RFC 7208 §4.5 lets a name have one only).

Promise: pure; no term is lost but those said twice, and no term gains force: what stood behind ``all``, where no receiver
comes to (§5.1), stands behind it again. Of several ``all`` the least restrictive stays, as Domain Connect has it: mail
that one of the records let pass is not refused by another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from postwright.dns import spf

_LENIENT_FIRST = "+?~-"


def obstacle(rdatas: Sequence[str]) -> str:
    """Why ``join`` would change what a record means; empty when it would not."""
    if len(rdatas) < 2:  # noqa: PLR2004 - one needs no joining
        return ""
    tokens = [token for rdata in rdatas for token in spf.tokens_of(rdata)]
    redirects, explanations = (_once(t for t in tokens if spf.name_of(t) == name) for name in ("redirect=", "exp="))
    if len(redirects) > 1:
        return (
            f"they redirect to different places ({', '.join(redirects)}), and a record has one redirect (RFC 7208 §6)"
        )
    ends = _once(filter(spf.is_all, tokens))
    if redirects and ends:
        return f"{redirects[0]} would be ignored beside {ends[0]} (RFC 7208 §6.1), and those it stands for be refused"
    if len(explanations) > 1:
        return (
            f"they explain themselves differently ({', '.join(explanations)}), and a record has one exp (RFC 7208 §6)"
        )
    return ""


def join(rdatas: Sequence[str]) -> str:
    """One record with the terms of all, in the order given, each once; a single record stays byte for byte.

    Mechanisms first, then one ``all``, then modifiers, which belong at the end (RFC 7208 §6), and what was behind ``all``.
    """
    if len(rdatas) == 1:
        return rdatas[0]
    reached: list[str] = []
    ends: list[str] = []
    rest: list[str] = []
    for rdata in rdatas:
        tokens = spf.tokens_of(rdata)
        end = next((at for at, token in enumerate(tokens) if spf.is_all(token)), len(tokens))
        reached += [token for token in tokens[:end] if not spf.is_modifier(token)]
        rest += [token for token in tokens[:end] if spf.is_modifier(token)]
        ends += tokens[end : end + 1]
        rest += [token for token in tokens[end + 1 :] if not spf.is_all(token)]
    all_token = sorted(ends, key=lambda token: _LENIENT_FIRST.find(token[0]) if token[0] in _LENIENT_FIRST else 0)[:1]
    front = _once(reached)
    known = set(map(spf.meaning, front))
    return spf.render([*front, *all_token, *(token for token in _once(rest) if spf.meaning(token) not in known)])


def _once(tokens: Iterable[str]) -> list[str]:
    """The tokens without those that mean what one before them does."""
    first: dict[str, str] = {}
    for token in tokens:
        first.setdefault(spf.meaning(token), token)
    return list(first.values())
