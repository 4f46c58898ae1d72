"""Records and changes as the text of a zone file (RFC 1035 §5): to be read, or pasted where no provider reaches. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from postwright.dns.plan import Change, RRset
from postwright.dns.records import Record, sort_key

_OUT = ";- "  # a comment, so that what is not one is exactly what is to be put in
_LINE = re.compile(rf"(?P<out>{_OUT})?(?P<name>\S+)\. (?P<ttl>\d+) IN (?P<type>[A-Z0-9]+) (?P<rdata>.+)")
_HEAD = """\
; Zone {zone}: {count} to change by hand. Written by postwright, {when} UTC.
;
; Record set by record set, replace the lines behind "{out}" by the lines without it. Change nothing else. If the zone is
; kept as a file, raise the serial of its SOA. An editor that asks for single fields may want values without quotes.
; If the lines to take out are not there exactly so, the zone was changed since: stop, delete this file, plan again.
; When it is done, run `postwright apply` again: it asks the zone's servers, and goes on or says what is missing.
"""


def zonefile(zone: str, records: Iterable[Record]) -> str:
    """One line per record, names absolute; those of shared RRsets say that they join what is there.

    It is not a whole zone: SOA, NS and all that is not ours are missing on purpose.
    """
    lines = [f"; {zone}: the records postwright wants; SOA, NS and foreign records are not among them"]
    for record in sorted(records, key=sort_key):
        note = " ; shared" if record.shared else ""
        lines.append(f"{record.name}. {record.ttl} IN {record.type} {record.rdata}{note}")
    return "\n".join(lines) + "\n"


def instructions(zone: str, changes: Sequence[Change], when: str) -> str:
    """What a person has to do for the changes: whole record sets, old and new, values of others among them as they are."""
    count = f"{len(changes)} record set{'s' if len(changes) != 1 else ''}"
    parts = [_HEAD.format(zone=zone, count=count, when=when, out=_OUT.strip())]
    for number, change in enumerate(changes, 1):
        verb = {(True, True): "replace", (False, True): "add", (True, False): "remove"}[
            bool(change.old), bool(change.new)
        ]
        parts.append(f"\n; {number} of {len(changes)}: {change.name} {change.type}: {verb}\n")
        parts += [f"{_OUT}{_line(change, change.old_ttl or 0, value)}\n" for value in change.old]
        parts += [f"{_line(change, change.ttl, value)}\n" for value in change.new]
    return "".join(parts)


def _line(change: Change, ttl: int, value: str) -> str:
    return f"{change.name}. {ttl} IN {change.type} {value}"


def due(text: str) -> tuple[RRset, ...]:
    """The record sets that ``instructions`` speak of, as they are before it is done; without values where nothing is there.

    Lines somebody wrote in between are passed over.
    """
    old: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            values = old.setdefault((found["name"], found["type"]), [])
            if found["out"]:
                values.append((int(found["ttl"]), found["rdata"]))
    return tuple(
        RRset(*key, values[0][0] if values else 0, tuple(value for _, value in values)) for key, values in old.items()
    )
