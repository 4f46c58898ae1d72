"""What stands at the names of a zone, found out by plain questions to one server.

Promise: what a child zone holds is never taken for the zone's own, whoever serves the child. What a wildcard may have made up
is told apart from what surely stands. Most of it takes one round of questions, and none depends on the size of the zone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import dns.flags
import dns.rcode
from dns.message import Message

from postwright.dns.plan import RRset
from postwright.dns.providers import answers

T = TypeVar("T")
Key = tuple[str, str]  # name and type of a question
_NAME_CHARACTERS = 253  # RFC 1035 §2.3.4 in presentation form, without the final dot


class NotServedError(Exception):
    """The server answers, but not for this zone; ``origin``: the zone it answers for, if that is known. Inside this package."""

    def __init__(self, origin: str | None) -> None:
        self.origin = origin


@dataclass(frozen=True)
class View:
    """A zone as one server shows it.

    ``ask`` takes questions and returns the response to each; it raises where one gets no answer that counts. ``nobody`` is a
    label that nobody can have written, so what is answered below a name with it tells about the name itself: which zone it
    lies in, and whether it exists. For a name that exists hides the wildcards above it from all below (RFC 4592 §3.3.1).
    """

    zone: str
    ask: Callable[[Sequence[Key]], Mapping[Key, Message]]
    nobody: str = field(default_factory=lambda: secrets.token_hex(4))

    def read(self, wanted: Iterable[Key]) -> tuple[tuple[RRset, ...], tuple[RRset, ...]]:
        """The RRsets, CNAMEs and delegations at the wanted names, as ``Provider.read`` has them.

        First those that surely stand there, then those that a wildcard may have made up. Raises NotServedError.
        """
        asked: dict[str, list[Key]] = {}
        for name, rdtype in wanted:
            asked.setdefault(name, [self._beside(name)]).append((name, rdtype))
        said = self._said(list(dict.fromkeys(key for keys in asked.values() for key in keys)))
        asked = {name: [key for key in keys if key in said] for name, keys in asked.items()}
        origins = {key: answers.origin(response, key[0]) for key, response in said.items()}
        if not any(origins[key] == self.zone and said[key].flags & dns.flags.AA for key in said):
            self._insist()
        child = self._children(asked, said, origins)
        exist = {self.zone, *(name for name, keys in asked.items() if _is_nothing(said[keys[0]]))}
        found = [it for name, keys in asked.items() if name not in child for it in _values(keys[1:], said)]
        sure = tuple(rrset for rrset in found if rrset.name in exist or rrset.locked)
        return (*child.values(), *sure), tuple(rrset for rrset in found if rrset.name not in exist and not rrset.locked)

    def _said(self, keys: Sequence[Key]) -> dict[Key, Message]:
        """The responses. Where a CNAME is wanted it is asked for first: if it is there, nothing else is (RFC 1034 §3.6.2)."""
        led = {name for name, rdtype in keys if rdtype == "CNAME"}
        first = [key for key in keys if key[0] not in led or key[1] in {"CNAME", "SOA"}]
        said = self.ask(first)
        alias = {name for name in led if any(answers.values_at(said[name, "CNAME"], name, "CNAME"))}
        left = [key for key in keys if key not in said and key[0] not in alias]
        return {**said, **(self.ask(left) if left else {})}

    def looks_made_up(self, rrset: RRset) -> bool:
        """Whether a name below it that nobody can have written is answered alike.

        Limit: it looks so, too, where the name has a wildcard of its own (``*.name``) with the very same values.
        """
        nobody, _ = below = (f"{self.nobody}.{rrset.name}", rrset.type)
        if len(nobody) > _NAME_CHARACTERS:
            return False
        found = answers.values_at(self.ask([below])[below], nobody, rrset.type)
        return any((it.ttl, it.values) == (rrset.ttl, rrset.values) for it in found)

    def _beside(self, name: str) -> Key:
        """The question beside those for a name's values."""
        nobody = f"{self.nobody}.{name}"
        return (name, "SOA") if name == self.zone or len(nobody) > _NAME_CHARACTERS else (nobody, "TXT")

    def _insist(self) -> None:
        """So that a zone with a typo is noticed whatever is wanted of it, also where its parent is served."""
        key = (self.zone, "SOA")
        response = self.ask([key])[key]
        origin = answers.origin(response, self.zone)
        if origin != self.zone or not response.flags & dns.flags.AA:
            raise NotServedError(origin)

    def _children(
        self, asked: Mapping[str, Sequence[Key]], said: Mapping[Key, Message], origins: Mapping[Key, str | None]
    ) -> dict[str, RRset]:
        """The NS of the child zone of each name that lies in one, under that name."""
        led_on, homes = dict[str, RRset](), dict[str, str | None]()
        for name, keys in asked.items():
            if referral := _first(answers.referral(said[key], name, self.zone) for key in keys):
                led_on[name] = referral
            else:
                homes[name] = _first(origins[key] for key in keys)
        homes |= self._origins([name for name, home in homes.items() if home is None])
        return led_on | self._servers({name: home for name, home in homes.items() if home and home != self.zone})

    def _origins(self, names: Iterable[str]) -> Mapping[str, str]:
        """The zone of each name: the SOA walk of RFC 2136 §4.3 in one step, for a server names its own zone's SOA.

        A name with a CNAME is no zone's top, and an alias hides the SOA: its parent is asked.
        """
        questions = {name: (name, "SOA") for name in names if name != self.zone}
        if not questions:
            return dict.fromkeys(names, self.zone)
        said = self.ask(list(questions.values()))
        above = {name: name.partition(".")[2] for name, key in questions.items() if answers.is_alias(said[key])}
        parents = self._origins(dict.fromkeys(above.values()))
        told = {name: answers.origin(said[key], name) or self.zone for name, key in questions.items()}
        return told | {name: parents.get(parent, self.zone) for name, parent in above.items()}

    def _servers(self, children: Mapping[str, str]) -> dict[str, RRset]:
        """The NS of the child zones that the same server holds; ``children``: the zone of each name."""
        questions = {child: (child, "NS") for child in children.values()}
        said = self.ask(list(questions.values())) if questions else {}
        found = {
            child: next(answers.values_at(said[key], child, "NS"), RRset(child, "NS", 0, (f"of zone {child}",)))
            for child, key in questions.items()
        }
        return {name: replace(found[child], name=name) for name, child in children.items()}


def _values(keys: Iterable[Key], said: Mapping[Key, Message]) -> tuple[RRset, ...]:
    """What was asked for; a CNAME once, though it is the answer to every question."""
    return tuple(dict.fromkeys(rrset for key in keys for rrset in answers.values_at(said[key], *key)))


def _is_nothing(response: Message) -> bool:
    """The name asked for does not exist: an alias that leads to one that does not says NXDOMAIN as well."""
    return response.rcode() == dns.rcode.NXDOMAIN and not response.answer


def _first(found: Iterator[T | None]) -> T | None:
    return next((it for it in found if it), None)
