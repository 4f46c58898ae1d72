"""Whether an answer shows a record, as whoever relies on it would read it.

Promise: pure. It asks for what we need to be there, not for all else to be gone: that is the plan's business.
"""

from __future__ import annotations

from collections.abc import Collection

from postwright.dns import spf
from postwright.dns.canonical import absent_from, same
from postwright.dns.records import Record


def holds(values: Collection[str], record: Record) -> bool:
    """Whether the values of an RRset satisfy the record.

    SPF: one record, with all our mechanisms before ``all``. A TXT of ours alone (a key, a policy): that value and no other,
    for two would be undefined. Everything else: the value is among them.
    """
    if record.type != "TXT":
        return not absent_from([record.rdata], values, record.type)
    if not record.shared:
        return same(tuple(values), (record.rdata,), "TXT")
    if not spf.is_spf(record.rdata):
        return not absent_from([record.rdata], values, "TXT")
    found = [value for value in values if spf.is_spf(value)]
    wanted = [token for token in spf.tokens_of(record.rdata) if not spf.is_all(token)]
    return len(found) == 1 and not spf.missing(found[0], wanted)
