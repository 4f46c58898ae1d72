"""One spelling for each DNS value, so that two spellings of one value compare equal.

Promise: pure. ``canonical`` is for comparing and for values of our own. A foreign value is carried and written back in
the text it was read in, which keeps its strings and every byte; it must never be replaced by its canonical form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import dns.rdata
from dns.rdtypes.ANY.TXT import TXT

_STRING_OCTETS = 255  # a character-string's length is one octet (RFC 1035 §3.3)


@lru_cache(maxsize=65_536)
def canonical(rdtype: str, rdata: str) -> str:
    """The comparison form: TXT by its joined octets, names in lower case with final dot, IPv6 as RFC 5952 has it.

    Of CAA the tag alone is in lower case: case may matter in a value (RFC 8659 §4.1, an account's URI in RFC 8657).
    Raises ``dns.exception.DNSException`` when the text is no rdata of that type.
    """
    if rdtype == "TXT":
        return txt_rdata([txt_octets(rdata)])
    text = dns.rdata.from_text("IN", rdtype, rdata).to_text()
    if rdtype == "CAA":
        flags, tag, value = text.split(" ", 2)
        return f"{flags} {tag.lower()} {value}"
    return text.lower()


@lru_cache(maxsize=65_536)  # one value is looked at many times on its way from inventory to plan
def txt_strings(rdata: str) -> tuple[bytes, ...]:
    """The character-strings of a TXT rdata, octet for octet."""
    parsed = dns.rdata.from_text("IN", "TXT", rdata)
    assert isinstance(parsed, TXT)  # noqa: S101 - tells mypy what the line above asked for
    return parsed.strings


def txt_octets(rdata: str) -> bytes:
    """The joined strings, as SPF, DKIM and DMARC read them (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
    return b"".join(txt_strings(rdata))


def txt_rdata(strings: Iterable[bytes]) -> str:
    """Presentation text of a TXT rdata; a string over 255 octets is cut, everything else is kept as given."""
    pieces = [
        string[at : at + _STRING_OCTETS] for string in strings for at in range(0, len(string) or 1, _STRING_OCTETS)
    ]
    return TXT(dns.rdataclass.IN, dns.rdatatype.TXT, pieces).to_text()


def absent_from(values: Iterable[str], others: Iterable[str], rdtype: str) -> tuple[str, ...]:
    """The values none of ``others`` equals, in their order and their own spelling."""
    known = {canonical(rdtype, other) for other in others}
    return tuple(value for value in values if canonical(rdtype, value) not in known)


def same(values: Sequence[str], others: Sequence[str], rdtype: str) -> bool:
    """Whether two RRsets say the same. Values are counted: two spellings of one DKIM key are two records."""
    return sorted(canonical(rdtype, value) for value in values) == sorted(canonical(rdtype, other) for other in others)


def by_tree(name: str) -> tuple[str, ...]:
    """A sort key that puts a name before the names under it (RFC 4034 §6.1, without its octet rules)."""
    return tuple(reversed(name.split(".")))
