"""Whether octoDNS shows a TXT RRset as it is: the zone's own servers are asked.

Inside octoDNS it cannot be told: a value of several strings has become one, and what a plugin drops while it reads is gone,
so comparing octoDNS with itself always agrees. The servers answer the octets and the cuts. An RRset counts as proven when one
of them answers exactly it; otherwise it stays locked, for to write it would rewrite somebody's value. An apply asks the same
servers anyway before it relies on a record, so to insist on them here costs no zone that could be used without.

Only TXT is asked for, where it may be shared: at a host or domain name. Names with an underscore (keys, policies) hold nothing
of anybody's beside ours, and a key of more than 255 octets may be cut as the provider likes. Any other type has no cuts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from postwright.dns.canonical import txt_strings
from postwright.dns.nameservers import NameServer, NoAnswerError, ask, authoritative
from postwright.dns.plan import RRset
from postwright.model import Fleet

_LAG = "wait if it was changed just now, and plan again; else change it by hand, or publish the zone with another kind"


@dataclass(frozen=True)
class Proof:
    """Which servers to ask."""

    fleet: Fleet

    def of(self, zone: str, rrsets: Iterable[RRset]) -> Iterator[RRset]:
        """The RRsets, with those locked that no server of the zone confirms."""
        found = tuple(rrsets)
        servers = self._servers(zone) if any(map(_needs, found)) else ()
        for rrset in found:
            yield replace(rrset, locked=_doubt(rrset, servers)) if _needs(rrset) else rrset

    def _servers(self, zone: str) -> tuple[NameServer, ...]:
        return next(authoritative(self.fleet, it)[0] for it in self.fleet.zones if it.name == zone)


def _needs(rrset: RRset) -> bool:
    return rrset.type == "TXT" and not rrset.locked and "_" not in rrset.name


def _doubt(rrset: RRset, servers: Sequence[NameServer]) -> str:
    wanted = sorted(map(txt_strings, rrset.values))
    answers: list[str] = []
    for server in servers:
        try:
            values = ask(server, rrset.name, "TXT")
        except NoAnswerError as error:
            answers.append(f"{server.name} cannot be asked ({error})")
            continue
        if sorted(map(txt_strings, values)) == wanted:
            return ""
        answers.append(f"{server.name} answers {', '.join(values) or 'nothing'}")
    said = "; ".join(answers) or "no server of the zone is known, name some in its servers"
    return f"octoDNS may show this otherwise than it is, and no server of the zone confirms it ({said}); {_LAG}"
