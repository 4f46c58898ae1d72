"""What an SPF record costs a receiver, found out before it is written (RFC 7208 §4.6.4, §3.4).

Promise: pure but for the callback that looks names up; bounded in questions, however the records of others are tangled.
Counted is the worst case: a sender that nothing matches, so that every term up to ``all`` is evaluated. What cannot be
looked up makes the result a lower bound, never "fine": ``Cost.unknown`` says what. Macros are not expanded, for they depend
on the message: ``include`` and ``redirect`` with one are unknown, others count as the one lookup they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

from postwright.dns import spf
from postwright.dns.canonical import txt_octets, txt_strings

LOOKUPS, VOIDS, EXCHANGERS = 10, 2, 10  # RFC 7208 §4.6.4
TEXT_OCTETS, ANSWER_OCTETS = 450, 512  # RFC 7208 §3.4; RFC 1035 §4.2.1
_QUESTIONS = 30  # three times what a record may cost; more are not asked
_ENOUGH = 5 * LOOKUPS  # lookups after which nobody needs the exact number
_ADDRESSES = {"ip4": 4, "ip6": 6}
_TYPES = {"a": ("A", "AAAA"), "mx": ("MX",), "exists": ("A",)}

Ask = Callable[[str, str], tuple[str, ...]]
"""Name without final dot and type → the rdata there, aliases followed; none if there are none. Raises UnansweredError."""


class UnansweredError(LookupError):
    """A name could not be looked up; the text says why."""


@dataclass(frozen=True)
class Cost:
    """What one evaluation costs at most. ``octets``: of the record; ``rrset_octets``: of the DNS answer with all TXT values.

    ``problems``: why receivers fail for good (permerror) besides the limits. ``unknown``: what could not be looked up.
    """

    lookups: int
    voids: int
    octets: int
    rrset_octets: int
    problems: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the numbers are exact, and not "at least"."""
        return not self.unknown


def cost(values: Sequence[str], name: str, ask: Ask) -> Cost | None:
    """The cost of the SPF record among the TXT values of a name; None if there is none, or not one."""
    records = [value for value in values if spf.is_spf(value)]
    if len(records) != 1:
        return None
    walk = _Walk(ask)
    walk.record(records[0], (name,))
    texts = sum(12 + sum(len(string) + 1 for string in txt_strings(value)) for value in values)
    answer = 12 + len(name) + 2 + 4 + texts  # header, question, and each value with a compressed name (RFC 1035 §4.1)
    octets = len(txt_octets(records[0]))
    return Cost(walk.lookups, walk.voids, octets, answer, tuple(walk.problems), tuple(walk.unknown))


def planned(ask: Ask, after: Mapping[tuple[str, str], tuple[str, ...]]) -> Ask:
    """``ask`` as it will answer once these (name, type) → values are published."""

    def overlaid(name: str, rdtype: str) -> tuple[str, ...]:
        return after[name, rdtype] if (name, rdtype) in after else ask(name, rdtype)

    return overlaid


@dataclass
class _Walk:
    """One evaluation in the making. Dicts are sets that keep their order."""

    ask: Ask
    lookups: int = 0
    voids: int = 0
    problems: dict[str, None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[str, ...] | None] = field(default_factory=dict)

    def record(self, rdata: str, path: tuple[str, ...]) -> None:
        """All terms a receiver comes to. ``path``: the names that led here, this record's own last."""
        tokens = spf.tokens_of(rdata)
        end = next((at for at, token in enumerate(tokens) if spf.is_all(token)), None)
        for token in tokens[:end]:
            self._term(token, path)
        redirects = [token for token in tokens if spf.name_of(token) == "redirect="]
        if end is None and redirects:
            self._nested(redirects[0], path)

    def _term(self, token: str, path: tuple[str, ...]) -> None:
        name = spf.name_of(token)
        match name:
            case "include":
                self._nested(token, path)
            case "a" | "mx" | "ptr" | "exists":
                self.lookups += 1
                target = _target(token) or ("" if name == "exists" else path[-1])
                if not target:
                    self._problem(f"{_shown(token)} names nothing", path[-1])
                elif name != "ptr" and "%" not in target:  # what a PTR lookup finds depends on the client
                    self._answered(name, target, path[-1])
            case "all" | "ip4" | "ip6":
                if name in _ADDRESSES and not _is_network(token, _ADDRESSES[name]):
                    self._problem(f"{_shown(token)} is no address", path[-1])
            case _ if not spf.is_modifier(token):
                self._problem(f"{_shown(token)} is no term of SPF", path[-1])

    def _nested(self, token: str, path: tuple[str, ...]) -> None:
        """The record another one leads to."""
        self.lookups += 1
        target = _target(token)
        if not target:
            self._problem(f"{_shown(token)} names nothing", path[-1])
        elif "%" in target:
            self.unknown[f"{_shown(token)} (depends on the message)"] = None
        elif target in path:
            self.problems[f"{' → '.join([*path, target])} is a loop"] = None
        elif self.lookups <= _ENOUGH and (values := self._look(target, "TXT")) is not None:
            records = [value for value in values if spf.is_spf(value)]
            self.voids += not values
            if len(records) == 1:
                self.record(records[0], (*path, target))
            else:
                self._problem(f"{_shown(token)} leads to {len(records) or 'no'} SPF records", path[-1])

    def _answered(self, name: str, target: str, at: str) -> None:
        """A lookup is void if no client gets an answer; one with addresses of a single family is none."""
        for rdtype in _TYPES[name]:
            values = self._look(target, rdtype)
            if name == "mx" and values and len(values) > EXCHANGERS:
                self._problem(f"{target} has {len(values)} MX, and SPF allows {EXCHANGERS}", at)
            if values or values is None:
                return
        self.voids += 1

    def _look(self, name: str, rdtype: str) -> tuple[str, ...] | None:
        """What is there; None if nobody knows."""
        key = (name, rdtype)
        if key not in self.answers:
            self.answers[key] = self._asked(*key)
        return self.answers[key]

    def _asked(self, name: str, rdtype: str) -> tuple[str, ...] | None:
        if len(self.answers) >= _QUESTIONS:
            self.unknown[f"all beyond the first {_QUESTIONS} questions"] = None
            return None
        try:
            return self.ask(name, rdtype)
        except UnansweredError as error:
            self.unknown[f"{name} {rdtype} ({error})"] = None
            return None

    def _problem(self, text: str, at: str) -> None:
        self.problems[f"in the record of {at}, {text}"] = None


def _target(token: str) -> str:
    """The domain a term names, without prefix length; empty if it names none."""
    at = next((at for at, char in enumerate(token) if char in ":/="), len(token))
    if token[at : at + 1] not in (":", "="):
        return ""
    text = token[at + 1 :]
    return text if "%" in text else text.partition("/")[0].rstrip(".").lower()


def _is_network(token: str, version: int) -> bool:
    try:
        return ip_network(token.partition(":")[2], strict=False).version == version
    except ValueError:
        return False


def _shown(token: str) -> str:
    return token.encode("ascii", "backslashreplace").decode()
