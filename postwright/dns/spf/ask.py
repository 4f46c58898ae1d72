"""Looks up what SPF records name: the fleet's own zones at their authoritative servers, all else by this machine's resolver.

Promise: nothing is asked twice, aliases are followed, and what does not answer costs few time-outs: a zone or a resolver that
failed three times running is not asked again. One object is meant for one run; threads may share it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dns.exception import DNSException

from postwright.dns.nameservers import NameServer, NoAnswerError, ask, authoritative, resolve
from postwright.dns.spf.cost import UnansweredError
from postwright.model import Fleet, Zone

_ALIASES = 8  # a chain longer than that is a loop
_FAILURES = 3


@dataclass
class Lookups:
    """A ``spf_cost.Ask`` over live DNS."""

    fleet: Fleet
    _known: dict[tuple[str, str], tuple[str, ...] | str] = field(default_factory=dict)  # a text: why there is no answer
    _servers: dict[str, tuple[NameServer, ...]] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)

    def __call__(self, name: str, rdtype: str) -> tuple[str, ...]:
        """The rdata at a name, none if there are none; UnansweredError when that cannot be found out."""
        for _ in range(_ALIASES):
            values = self._at(name, rdtype)
            if values or self.fleet.zone_of(name) is None:  # a resolver follows aliases by itself
                return values
            alias = self._at(name, "CNAME")
            if not alias:
                return ()
            name = alias[0].rstrip(".").lower()
        raise UnansweredError(f"more than {_ALIASES} aliases in a row")

    def _at(self, name: str, rdtype: str) -> tuple[str, ...]:
        key = (name, rdtype)
        if key not in self._known:
            self._known[key] = self._asked(*key)
        found = self._known[key]
        if isinstance(found, str):
            raise UnansweredError(found)
        return found

    def _asked(self, name: str, rdtype: str) -> tuple[str, ...] | str:
        zone = self.fleet.zone_of(name)
        source = f"zone {zone.name}" if zone else "this machine's resolver"
        if self._failures.get(source, 0) >= _FAILURES:
            return f"{source} failed {_FAILURES} times running and was not asked"
        try:
            values = self._ask(zone, name, rdtype) if zone else resolve(name, rdtype)
        except (NoAnswerError, DNSException) as error:  # the latter: a text that is no name
            self._failures[source] = self._failures.get(source, 0) + isinstance(error, NoAnswerError)
            return str(error)
        self._failures[source] = 0
        return values

    def _ask(self, zone: Zone, name: str, rdtype: str) -> tuple[str, ...]:
        if zone.name not in self._servers:
            self._servers[zone.name] = authoritative(self.fleet, zone)[0]
        problems = []
        for server in self._servers[zone.name]:
            try:
                return ask(server, name, rdtype)
            except NoAnswerError as error:
                problems.append(f"{server.name}: {error}")
        raise NoAnswerError("; ".join(problems) or f"no server of zone {zone.name} is known")
