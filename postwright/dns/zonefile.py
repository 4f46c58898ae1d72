"""Desired records as the text of a zone file (RFC 1035 §5): to be read, or pasted where no provider reaches. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from postwright.dns.records import Record, sort_key


def zonefile(zone: str, records: Iterable[Record]) -> str:
    """One line per record, names absolute; those of shared RRsets say that they join what is there.

    It is not a whole zone: SOA, NS and all that is not ours are missing on purpose.
    """
    lines = [f"; {zone}: the records postwright wants; SOA, NS and foreign records are not among them"]
    for record in sorted(records, key=sort_key):
        note = " ; shared" if record.shared else ""
        lines.append(f"{record.name}. {record.ttl} IN {record.type} {record.rdata}{note}")
    return "\n".join(lines) + "\n"
