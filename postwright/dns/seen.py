"""Whether an answer shows a record, as whoever relies on it would read it.

Promise: pure. It asks for what we need to be there, not for all else to be gone: that is the plan's business.
"""

from __future__ import annotations

from collections.abc import Collection

from postwright.dns import spf
from postwright.dns.canonical import absent_from, same
from postwright.dns.record import Record


def holds(values: Collection[str], record: Record) -> bool:
    """Whether the values of an RRset satisfy the record.

    SPF: one record, with all our mechanisms before ``all``. A TXT of ours alone (a key, a policy) and a CNAME: that value
    and no other, for two would be undefined. Everything else (addresses, MX, CAA, TLSA): the value is among them.
    """
    if record.type == "TXT" and record.shared and spf.is_spf(record.rdata):
        found = [value for value in values if spf.is_spf(value)]
        wanted = [token for token in spf.tokens_of(record.rdata) if not spf.is_all(token)]
        if not wanted:  # "nobody sends": any other term would say that somebody does
            return len(found) == 1 and [token.lower() for token in spf.tokens_of(found[0])] == ["-all"]
        return len(found) == 1 and not spf.missing(found[0], wanted)
    if record.type == "CNAME" or (record.type == "TXT" and not record.shared):
        return same(tuple(values), (record.rdata,), record.type)
    return not absent_from([record.rdata], values, record.type)
