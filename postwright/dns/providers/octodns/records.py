"""octoDNS's records as RRsets and back: what may be edited through it, and what only looks so.

Promise: pure. An RRset that octoDNS cannot be trusted to write back as it is comes ``locked``, with the reason.

What octoDNS holds of a TXT value is not its octets: semicolons are escaped, strings are joined, and of backslashes and
quotes some plugins keep the octet and others the escape. So a value with a backslash or a quote means one thing or the
other, and is refused; so is what is no printable ASCII. Cuts between strings are lost already, see ``octodns_proof``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dns.exception

from postwright.dns.canonical import canonical, same
from postwright.dns.plan import Change, RRset
from postwright.errors import ProviderError

_PLAIN = re.compile(r"(?:\\;|[ !#-\[\]-~])*")  # printable ASCII without quote and backslash, but for an escaped ;
_SPECIAL = ("ALIAS", "DNAME")  # answer with addresses nobody wrote
_BY_HAND = "change it by hand, or publish the zone with a provider of another kind"


@dataclass(frozen=True)
class Held:
    """A zone as a plugin populated it; ``zone`` is octoDNS's own."""

    name: str
    zone: Any

    @cached_property
    def _records(self) -> dict[tuple[str, str], Any]:
        return {key_of(record): record for record in self.zone.records}

    def record(self, name: str, rdtype: str) -> Any | None:
        """octoDNS's record there."""
        return self._records.get((name, rdtype))

    def rrset(self, name: str, rdtype: str) -> RRset | None:
        """The RRset there, locked where it must not be edited."""
        record = self.record(name, rdtype)
        return rrset_of(record, name) if record else None

    def at(self, name: str, rdtype: str) -> Iterator[RRset]:
        """All that matters for somebody who wants that RRset, as a provider's ``read`` gives it."""
        child = self._child(name)
        if child:
            yield child
            return
        alias, found = self.rrset(name, "CNAME"), self.rrset(name, rdtype)
        if alias:
            yield alias
        if found and rdtype != "CNAME":
            yield found
        elif not found and (special := self._special(name, rdtype)):
            reason = f"a record of type {special} answers here; {_BY_HAND}"
            yield RRset(name, rdtype, 0, (), locked=reason)

    def _child(self, name: str) -> RRset | None:
        """The servers of the zone a name is delegated to, under that name."""
        labels = name.removesuffix(self.name).rstrip(".").split(".") if name != self.name else []
        for start in reversed(range(len(labels))):
            servers = self.rrset(".".join((*labels[start:], self.name)), "NS")
            if servers:
                return RRset(name, "NS", servers.ttl, servers.values)
        return None

    def _special(self, name: str, rdtype: str) -> str:
        kinds = [kind for owner, kind in self._records if owner == name]
        addresses = rdtype in ("A", "AAAA")
        return next((kind for kind in kinds if "/" in kind or (addresses and kind in _SPECIAL)), "")


def key_of(record: Any) -> tuple[str, str]:
    """The name and type of octoDNS's record, as an RRset has them."""
    return record.fqdn.rstrip(".").lower(), record._type  # noqa: SLF001 - octoDNS has no other name for it


def rrset_of(record: Any, name: str) -> RRset:
    """octoDNS's record as an RRset, locked with the reason where it must not be edited."""
    try:
        values = tuple(sorted(record.to_rrset().rdatas))
        reason = _doubt(record, values)
    except (dns.exception.DNSException, ValueError, TypeError, AttributeError) as error:
        values, reason = (), f"octoDNS cannot render it ({type(error).__name__}); {_BY_HAND}"
    return RRset(name, record._type, record.ttl, values, locked=reason)  # noqa: SLF001


def _doubt(record: Any, values: tuple[str, ...]) -> str:
    """Why the record must not be written back; empty if parsing and rendering give what is there."""
    from octodns.record import Record, RecordException  # noqa: PLC0415 - an optional extra

    if getattr(record, "dynamic", None) or getattr(record, "geo", None):
        return f"it has rules that choose an answer, and writing values would end them; {_BY_HAND}"
    if record._type == "TXT" and not all(_PLAIN.fullmatch(value) for value in record.values):  # noqa: SLF001
        return f"octoDNS does not keep backslashes, quotes and octets that are no ASCII as they are; {_BY_HAND}"
    try:
        again = Record.from_rrset(record.zone, record.to_rrset(), lenient=True)
        kept = sorted(again.to_rrset().rdatas) == list(values) and all(canonical(record._type, it) for it in values)  # noqa: SLF001
    except (dns.exception.DNSException, RecordException, ValueError):
        kept = False
    return "" if kept else f"octoDNS does not write a value of it back as it is; {_BY_HAND}"


def edit(desired: Any, held: Held, change: Change) -> None:
    """Make a change in octoDNS's copy of the zone; ProviderError if octoDNS cannot carry a new value."""
    there = held.record(change.name, change.type)
    if change.new:
        record = _record(desired, change)
        record.octodns = there.octodns if there else record.octodns  # health checks and the like stay
        desired.add_record(record, replace=True, lenient=True)
    elif there:
        desired.remove_record(there)


def _record(zone: Any, change: Change) -> Any:
    from octodns.record import Record, RecordException  # noqa: PLC0415 - an optional extra
    from octodns.record.rr import Rrset  # noqa: PLC0415

    where = f"zone {zone.name.rstrip('.')}: {change.name} {change.type}: nothing was written"
    try:
        wanted = Rrset(f"{change.name}.", change.type, change.ttl, list(change.new))
        record = Record.from_rrset(zone, wanted, lenient=True)
    except (RecordException, ValueError) as error:
        raise ProviderError(f"{where}: octoDNS does not take {', '.join(change.new)} ({error}); {_BY_HAND}") from None
    found = rrset_of(record, change.name)
    if found.locked or not same(found.values, change.new, change.type):
        what = found.locked or f"octoDNS would make {', '.join(found.values)} of it; {_BY_HAND}"
        raise ProviderError(f"{where}: {what}")
    return record
