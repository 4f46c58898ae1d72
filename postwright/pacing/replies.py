"""Replies of receivers, classified.

Pure. Only words of the other side count: what Postfix says itself (no connection, no name, "delivery temporarily
suspended", "deferred transport") never slows or stops a lane, or a suspension would feed on its own messages.
"""

from __future__ import annotations

import re

from . import rules_any, rules_gateways, rules_google, rules_microsoft, rules_regional, rules_yahoo
from .rule import Effect, Kind, Rule

__all__ = ["RULES", "Effect", "Kind", "Rule", "matched", "subject"]

_OF_PROVIDERS = (
    *rules_google.RULES,
    *rules_microsoft.RULES,
    *rules_yahoo.RULES,
    *rules_gateways.RULES,
    *rules_regional.RULES,
)
RULES: tuple[Rule, ...] = (*_OF_PROVIDERS, *rules_any.RULES, rules_any.LOCAL)

_PATTERNS = {rule.id: re.compile(rule.pattern, re.IGNORECASE) for rule in RULES}
_LONGEST = 2000  # Postfix cuts a line it logs at about this length
# smtp(8): "host NAME[ADDRESS] said: REPLY (in reply to COMMAND command)"
_SAID = re.compile(r"(?:Protocol error: )?host \S+ (?:said|refused to talk to me): (?=[245]\d\d)")
_REPLY = re.compile(r"([245]\d\d)[- ]\s*(?:([245]\.\d{1,3}\.\d{1,3})(?=\s|$))?\s*(.*)", re.DOTALL)
_COMMAND = re.compile(r"\s*\(in reply to [^()]*\)\s*$")


def matched(provider: str, dsn: str, text: str) -> Rule | None:
    """The rule for what a delivery to this provider ended with: its own rules first, then those for anybody.

    ``dsn``: the log's dsn=, such as 4.7.28; ``text``: what it says in parentheses after status=, or a bare reply. None
    for success and for words of Postfix that tell nothing about the receiver.
    """
    line = subject(dsn, text)
    if line is None:
        local = not text.startswith("2") and _PATTERNS[rules_any.LOCAL.id].search(text[:_LONGEST])
        return rules_any.LOCAL if local else None
    own = (rule for rule in _OF_PROVIDERS if rule.provider == provider)
    return next((rule for rule in (*own, *rules_any.RULES) if _PATTERNS[rule.id].search(line)), None)


def subject(dsn: str, text: str) -> str | None:
    """``CODE DSN text`` of the receiver's reply, as patterns see it; None if the text is not a receiver's.

    A reply of several lines repeats its codes, and where they stand depends on how the receiver breaks lines: only the
    first are kept. Without an enhanced code in the reply (RFC 3463) the log's is taken.
    """
    said = _SAID.match(text)
    reply = _REPLY.match(text[said.end() if said else 0 :][:_LONGEST])
    if reply is None:
        return None
    code, enhanced, rest = reply.groups()
    repeated = rf"(?:^|(?<=\s)){code}[- ](?:{code[0]}\.\d{{1,3}}\.\d{{1,3}}(?:\s|$))?"
    words = re.sub(repeated, " ", _COMMAND.sub("", rest))
    return " ".join([code, enhanced or dsn or f"{code[0]}.0.0", *words.split()])
