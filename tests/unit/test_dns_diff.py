"""The three-way merge, on a zone in memory: strangers' values survive whatever we do beside them."""

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from postwright.dns import spf
from postwright.dns.canonical import txt_octets, txt_rdata
from postwright.dns.diff import Three, diff
from postwright.dns.plan import RRset
from postwright.dns.records import Record

APEX = "example.com"
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


@settings(max_examples=60, deadline=None)
@given(
    st.lists(other, max_size=4, unique=True),
    st.none() | foreign_spf(),
    st.lists(st.sets(st.integers(1, 4)), max_size=3),
)
def test_foreign_txt_and_spf_survive_publish_change_and_removal(others, foreign, stages):
    """Rule 4, whatever strangers wrote: every value, string, octet and the TTL are in the end as they were."""
    before = (*others, *([foreign] if foreign else []))
    zone = Memory(*([txt(*before)] if before else []))
    for numbers in stages:
        wanted = spf_record(*sorted(numbers))
        # A record that is just what we would write is taken for ours: a lost ledger looks the same.
        assume(foreign is None or txt_octets(foreign) != txt_octets(wanted.rdata))
        zone.apply(wanted)
        assert set(others) <= set(zone.values(APEX, "TXT"))
        (merged,) = (value for value in zone.values(APEX, "TXT") if spf.is_spf(value))
        assert spf.missing(merged, [token for token in spf.tokens_of(wanted.rdata) if not spf.is_all(token)]) == ()
    zone.apply()
    assert sorted(zone.values(APEX, "TXT")) == sorted(before)
    assert not before or zone.rrsets[APEX, "TXT"].ttl == 777


def test_spf_in_a_record_of_our_own_changes_its_end():
    zone = Memory()
    zone.apply(spf_record(1))
    plan = zone.apply(spf_record(1, end="-all"))
    assert zone.values(APEX, "TXT") == ('"v=spf1 ip4:192.0.2.1 -all"',)
    assert plan.subtractive
    assert not plan.additive


def test_spf_of_a_stranger_keeps_its_end():
    zone = Memory(txt('"v=spf1 a ?all"'))
    zone.apply(spf_record(1, end="-all"))
    assert zone.values(APEX, "TXT") == ('"v=spf1 ip4:192.0.2.1 a ?all"',)


def test_a_key_in_other_strings_is_the_same_key():
    zone = Memory(RRset(KEY, "TXT", 300, (txt_rdata([b"v=DKIM1; p=", b"AAAA"]),)))
    assert zone.apply(Record(KEY, "TXT", 300, '"v=DKIM1; p=AAAA"')).is_empty


def test_two_spellings_of_one_key_are_two_records_and_become_one():
    zone = Memory(RRset(KEY, "TXT", 300, ('"k" "1"', '"k1"')))
    zone.apply(Record(KEY, "TXT", 300, '"k1"'))
    assert zone.values(KEY, "TXT") == ('"k1"',)


def test_name_that_differs_in_case_is_the_same_name():
    zone = Memory(RRset(APEX, "MX", 300, ("10 Mail.Example.COM.",)))
    assert zone.apply(Record(APEX, "MX", 300, "10 mail.example.com.", shared=True)).is_empty


def test_extra_address_at_our_helo_name_is_a_conflict_that_shows_both():
    zone = Memory(RRset("mail.example.com", "A", 300, ("192.0.2.1", "203.0.113.9")))
    (conflict,) = zone.plan(Record("mail.example.com", "A", 300, "192.0.2.1")).conflicts
    assert (conflict.live, conflict.desired) == (("192.0.2.1", "203.0.113.9"), ("192.0.2.1",))


def test_conflict_keeps_what_the_ledger_knew():
    zone = Memory()
    zone.apply(Record(KEY, "TXT", 300, '"ours"'))
    zone.rrsets[KEY, "TXT"] = RRset(KEY, "TXT", 300, ('"theirs"',))
    plan = zone.plan(Record(KEY, "TXT", 300, '"new"'))
    assert plan.ours == zone.base
    assert plan.conflicts[0].base == ('"ours"',)


def test_ttl_of_an_rrset_with_a_stranger_in_it_is_left():
    zone = Memory(RRset(APEX, "MX", 60, ("20 backup.example.net.", "10 mail.example.com.")))
    assert zone.apply(Record(APEX, "MX", 300, "10 mail.example.com.", shared=True)).is_empty


def test_ttl_of_our_own_is_set():
    zone = Memory(RRset(KEY, "TXT", 60, ('"k"',)))
    (change,) = zone.apply(Record(KEY, "TXT", 300, '"k"')).additive
    assert (change.old_ttl, change.ttl, change.retimed) == (60, 300, True)


@pytest.mark.parametrize(("first", "last"), [("0 .", "10 mail.example.com."), ("10 mail.example.com.", "0 .")])
def test_null_mx_is_swapped_late_and_never_joined(first, last):
    zone = Memory()
    zone.apply(Record(APEX, "MX", 300, first, shared=True))
    plan = zone.apply(Record(APEX, "MX", 300, last, shared=True))
    assert [change.new for change in plan.subtractive] == [(last,)]
    assert not plan.additive


def test_null_mx_of_a_stranger_and_null_mx_beside_a_stranger_are_conflicts():
    ours, null = (Record(APEX, "MX", 300, value, shared=True) for value in ("10 mail.example.com.", "0 ."))
    assert Memory(RRset(APEX, "MX", 300, ("0 .",))).plan(ours).conflicts
    zone = Memory()
    zone.apply(ours)
    zone.rrsets[APEX, "MX"] = RRset(APEX, "MX", 300, ("10 mail.example.com.", "20 backup.example.net."))
    assert zone.plan(null).conflicts
    zone.apply(null, adopt=True)
    assert zone.values(APEX, "MX") == ("0 .",)


def test_address_is_added_before_and_removed_after_what_points_to_it():
    zone = Memory()
    records = [
        Record("a.example.com", "MX", 300, "10 z.example.com.", shared=True),
        Record("z.example.com", "A", 300, "192.0.2.1"),
    ]
    assert [change.type for change in zone.apply(*records).additive] == ["A", "MX"]
    assert [change.type for change in zone.apply().subtractive] == ["MX", "A"]


def test_gone_and_changed_by_somebody_else_is_a_conflict_that_adopt_resolves():
    zone = Memory()
    zone.apply(Record(KEY, "TXT", 300, '"ours"'))
    zone.rrsets[KEY, "TXT"] = RRset(KEY, "TXT", 300, ('"theirs"',))
    assert "no longer wants this" in zone.plan().conflicts[0].reason
    zone.apply(adopt=True)
    assert not zone.rrsets


def test_ledger_line_of_a_value_that_is_gone_everywhere_is_dropped():
    zone = Memory()
    zone.apply(Record(KEY, "TXT", 300, '"ours"'))
    zone.rrsets.clear()
    assert zone.apply().is_empty
    assert zone.base == ()
