"""The three-way merge, on a zone in memory: strangers' values survive whatever we do beside them."""

import pytest
from zone_in_memory import APEX, KEY, Memory, spf_record

from postwright.dns.canonical import txt_rdata
from postwright.dns.diff import wanted
from postwright.dns.plan import RRset
from postwright.dns.record import Record


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


CAA = Record("mail.example.com", "CAA", 300, '0 issue "ca.test"', shared=True)


def test_caa_joins_what_is_there_and_goes_without_a_trace():
    theirs = (
        '0 iodef "mailto:CA@Example.net"',
        '0 issue "other.test"',
        '128 ISSUE "ca.test; accounturi=https://ca.test/A"',
    )
    zone = Memory(RRset("mail.example.com", "CAA", 60, theirs))
    zone.apply(CAA)
    assert zone.values("mail.example.com", "CAA") == tuple(sorted([*theirs, '0 issue "ca.test"']))
    assert zone.rrsets["mail.example.com", "CAA"].ttl == 60
    zone.apply()
    assert zone.values("mail.example.com", "CAA") == theirs


def test_certificates_overlap():
    """A client may have looked TLSA up before the server has the new certificate, or after (RFC 7672 §8.1)."""
    one, other = (Record("_25._tcp.mail.example.com", "TLSA", 300, f"3 1 1 {digit * 64}") for digit in "ab")
    zone = Memory()
    zone.apply(one)
    plan = zone.apply(other)
    assert [change.new for change in plan.steps] == [(one.rdata, other.rdata), (other.rdata,)]


ALIAS = Record("mta-sts.example.com", "CNAME", 300, "policy.example.net.")


def test_a_cname_asks_for_all_that_may_stand_beside_it():
    assert {rdtype for name, rdtype in wanted([ALIAS])} == {"CNAME", "A", "AAAA", "MX", "NS", "TXT"}
    assert wanted([spf_record(1)], [spf_record(2)]) == ((APEX, "TXT"),)


@pytest.mark.parametrize(("rdtype", "value"), [("A", "192.0.2.7"), ("TXT", '"theirs"'), ("MX", "10 x.test.")])
def test_a_cname_is_not_put_beside_anything(rdtype, value):
    """A server drops it without a word; and ``--adopt`` does not settle it."""
    zone = Memory(RRset(ALIAS.name, rdtype, 300, (value,)))
    (conflict,) = zone.plan(ALIAS, adopt=True).conflicts
    assert conflict.live == (f"{rdtype} {value}",)


def test_a_cname_and_something_beside_it_cannot_both_be_wanted():
    beside = Record(ALIAS.name, "A", 300, "192.0.2.7")
    (conflict,) = Memory().plan(ALIAS, beside).conflicts
    assert conflict.live == ("A 192.0.2.7",)


def test_a_cname_that_leads_elsewhere_is_a_conflict_that_adopt_swaps_in_one_step():
    zone = Memory(RRset(ALIAS.name, "CNAME", 300, ("vendor.test.",)))
    assert zone.plan(ALIAS).conflicts[0].live == ("vendor.test.",)
    plan = zone.apply(ALIAS, adopt=True)
    assert [(it.old, it.new) for it in plan.steps] == [(("vendor.test.",), ("policy.example.net.",))]
    assert not plan.subtractive


def test_a_key_gives_way_to_a_cname_and_comes_back_within_the_first_step():
    """What was there must be gone before the other comes, and the host needs either at once."""
    key, alias = Record(KEY, "TXT", 300, '"v=DKIM1; p=AAAA"'), Record(KEY, "CNAME", 300, "k.example.net.")
    zone = Memory()
    zone.apply(key)
    for wanted_record, goes in ((alias, "TXT"), (key, "CNAME")):
        plan = zone.apply(wanted_record)
        assert [(it.type, bool(it.new)) for it in plan.additive] == [(goes, False), (wanted_record.type, True)]
        assert not plan.subtractive


def test_a_policy_takes_the_place_of_our_cname_late():
    name = f"_dmarc.{APEX}"
    zone = Memory()
    zone.apply(Record(name, "CNAME", 300, "p.example.net."))
    plan = zone.apply(Record(name, "TXT", 300, '"v=DMARC1; p=reject"'))
    assert [(it.type, bool(it.new)) for it in plan.subtractive] == [("CNAME", False), ("TXT", True)]
    assert not plan.additive


def test_a_strangers_cname_where_ours_was_stays_in_the_way():
    zone = Memory()
    zone.apply(Record(KEY, "CNAME", 300, "k.example.net."))
    zone.rrsets[KEY, "CNAME"] = RRset(KEY, "CNAME", 300, ("vendor.test.",))
    conflicts = zone.plan(Record(KEY, "TXT", 300, '"v=DKIM1; p=AAAA"')).conflicts
    assert [conflict.live for conflict in conflicts] == [("vendor.test.",), ("CNAME vendor.test.",)]


def test_a_name_in_a_zone_of_its_own_and_a_locked_record_are_conflicts_that_say_so():
    child = Memory(RRset(KEY, "NS", 300, ("ns.child.test.",)))
    assert child.plan(Record(KEY, "TXT", 300, '"k"')).conflicts[0].live == ("NS ns.child.test.",)
    locked = Memory(RRset(APEX, "TXT", 300, ('"v=spf1 a -all"',), locked="managed by mail routing"))
    assert locked.plan(spf_record(1)).conflicts[0].reason == "managed by mail routing"
