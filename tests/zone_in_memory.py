"""A zone in memory that does as it is told, the ledger beside it, and what strangers may have put there.

Promise: pure. It refuses what a server refuses: a change whose old side is not there, and anything beside a CNAME.
"""

from itertools import pairwise

from hypothesis import strategies as st

from postwright.dns import spf
from postwright.dns.canonical import txt_rdata
from postwright.dns.diff import Three, diff
from postwright.dns.plan import RRset
from postwright.dns.record import Record

APEX = "example.com"
NOBODY = Record(APEX, "TXT", 300, '"v=spf1 -all"', shared=True)
KEY = f"s1._domainkey.{APEX}"


class Memory:
    """A zone that does as it is told, and the ledger beside it."""

    def __init__(self, *rrsets):
        self.rrsets = {(rrset.name, rrset.type): rrset for rrset in rrsets}
        self.base = ()

    def plan(self, *desired, **options):
        return diff(APEX, Three(self.base, tuple(self.rrsets.values()), desired, **options))

    def do(self, changes):
        for change in changes:
            key = change.name, change.type
            assert tuple(sorted(self.values(*key))) == change.old
            beside = {rdtype for name, rdtype in self.rrsets if name == change.name} - {change.type}
            assert not (change.new and (beside & {"CNAME"} or (change.type == "CNAME" and beside)))
            self.rrsets.pop(key, None)
            if change.new:
                self.rrsets[key] = RRset(*key, change.ttl, change.new)

    def apply(self, *desired, **options):
        plan = self.plan(*desired, **options)
        assert not plan.conflicts
        self.do(plan.additive)
        self.do(plan.subtractive)
        self.base = plan.ours
        assert self.plan(*desired).is_empty
        return plan

    def values(self, name, rdtype):
        return self.rrsets[name, rdtype].values if (name, rdtype) in self.rrsets else ()


def spf_record(*numbers, end="~all"):
    tokens = [f"ip4:192.0.2.{number}" for number in numbers]
    return Record(APEX, "TXT", 300, spf.render([*tokens, end]), shared=True)


def txt(*values, ttl=777, name=APEX):
    return RRset(name, "TXT", ttl, tuple(sorted(values)))


other = (
    st.lists(st.binary(max_size=40), min_size=1, max_size=3).map(txt_rdata).filter(lambda value: not spf.is_spf(value))
)
terms = st.sampled_from(
    ["a", "-MX", "ip4:192.0.2.1", "+ip4:192.0.2.2/32", "?all", "-all", "redirect=x.example", "\xe9:", "exp=y"]
)


@st.composite
def foreign_spf(draw):
    """Any terms, any number of spaces, cut into strings anywhere behind the version."""
    text = "v=spf1" + "".join(" " * draw(st.integers(1, 3)) + term for term in draw(st.lists(terms, max_size=5)))
    octets = (text + " " * draw(st.integers(0, 2))).encode("latin-1")
    cuts = sorted(draw(st.lists(st.integers(6, len(octets)), max_size=3)))
    edges = [0, *cuts, len(octets)]
    return txt_rdata(octets[start:end] for start, end in pairwise(edges))
