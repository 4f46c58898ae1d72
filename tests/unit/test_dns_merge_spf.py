"""SPF in a zone in memory: by token, several records joined on request only, a parked domain's alone."""

from hypothesis import assume, given
from hypothesis import strategies as st
from zone_in_memory import APEX, NOBODY, Memory, foreign_spf, other, spf_record, txt

from postwright.dns import spf
from postwright.dns.canonical import txt_octets
from postwright.dns.record import Record
from postwright.dns.spf import join as spf_join


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


def test_strangers_record_at_a_parked_domain_is_a_conflict_that_adopt_replaces_late():
    """``-all`` alone adds no token: merged, the stranger's senders would go on passing."""
    zone = Memory(txt('"v=spf1 include:x.test ~all"', '"theirs"'))
    (conflict,) = zone.plan(NOBODY).conflicts
    assert "--adopt" in conflict.reason
    assert '"v=spf1 include:x.test ~all"' in conflict.live
    plan = zone.apply(NOBODY, adopt=True)
    assert not plan.additive
    assert zone.values(APEX, "TXT") == ('"theirs"', '"v=spf1 -all"')
    assert zone.rrsets[APEX, "TXT"].ttl == 777


def test_several_records_at_a_parked_domain_are_replaced_by_one():
    zone = Memory(txt('"v=spf1 a ~all"', '"v=spf1 mx ~all"'))
    assert zone.plan(NOBODY).conflicts
    zone.apply(NOBODY, adopt=True)
    assert zone.values(APEX, "TXT") == ('"v=spf1 -all"',)


def test_a_strangers_refusal_in_other_words_is_what_a_parked_domain_wants():
    zone = Memory(txt('"v=spf1  -ALL"'))
    assert zone.apply(NOBODY).is_empty
    zone.apply()
    assert zone.values(APEX, "TXT") == ('"v=spf1  -ALL"',)


def test_a_domain_of_ours_is_parked_late_and_taken_up_again_early():
    zone = Memory()
    zone.apply(spf_record(1))
    assert not zone.apply(NOBODY).additive
    plan = zone.apply(spf_record(1))
    assert [change.new for change in plan.additive] == [('"v=spf1 ip4:192.0.2.1 -all"',)]


def test_include_mode_swaps_tokens_in_two_steps():
    include = Record(APEX, "TXT", 300, spf.render(["include:spf.example.com", "~all"]), shared=True)
    zone = Memory(txt('"v=spf1 a ?all"'))
    zone.apply(spf_record(1, 2))
    there = '"v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 a ?all"'
    both = '"v=spf1 include:spf.example.com ip4:192.0.2.1 ip4:192.0.2.2 a ?all"'
    last = '"v=spf1 include:spf.example.com a ?all"'
    plan = zone.apply(include)
    assert [(it.old, it.new) for it in plan.steps] == [((there,), (both,)), ((both,), (last,))]
    zone.apply(spf_record(1))
    zone.apply()
    assert zone.values(APEX, "TXT") == ('"v=spf1 a ?all"',)


SEVERAL = ('"v=spf1 include:x.test -all"', '"v=spf1 mx ~all"')


def test_several_records_are_refused_with_all_shown_and_joined_on_request():
    zone = Memory(txt(*SEVERAL))
    (conflict,) = zone.plan(spf_record(1)).conflicts
    assert "--consolidate" in conflict.reason
    assert conflict.live == SEVERAL
    plan = zone.apply(spf_record(1), consolidate=True)
    assert not plan.subtractive
    assert zone.values(APEX, "TXT") == ('"v=spf1 ip4:192.0.2.1 include:x.test mx ~all"',)
    assert zone.plan(spf_record(1), consolidate=True).is_empty
    zone.apply()
    assert zone.values(APEX, "TXT") == ('"v=spf1 include:x.test mx ~all"',)


def test_what_cannot_be_joined_is_a_conflict_even_so():
    zone = Memory(txt('"v=spf1 redirect=x.test"', '"v=spf1 mx ~all"'))
    (conflict,) = zone.plan(spf_record(1), consolidate=True).conflicts
    assert "redirect=x.test" in conflict.reason


def test_a_second_record_beside_ours_is_kept_byte_for_byte_and_takes_our_tokens():
    """The usual way to two records: somebody follows a vendor's manual."""
    zone = Memory()
    zone.apply(spf_record(1))
    theirs = '"v=spf1  include:x.test " "-all"'
    zone.rrsets[APEX, "TXT"] = txt(theirs, '"v=spf1 ip4:192.0.2.1 ~all"')
    zone.apply(spf_record(1, 2), consolidate=True)
    assert zone.values(APEX, "TXT") == ('"v=spf1 ip4:192.0.2.1 ip4:192.0.2.2  include:x.test " "-all"',)
    zone.apply()
    assert zone.values(APEX, "TXT") == (theirs,)


def test_our_token_that_a_stranger_has_too_is_neither_doubled_nor_taken_along():
    theirs = '"v=spf1 ip4:192.0.2.1 a -all"'
    zone = Memory()
    zone.apply(spf_record(1))
    zone.rrsets[APEX, "TXT"] = txt(theirs, '"v=spf1 ip4:192.0.2.1 ~all"')
    zone.apply(spf_record(1), consolidate=True)
    assert zone.values(APEX, "TXT") == (theirs,)
    zone.apply()
    assert zone.values(APEX, "TXT") == (theirs,)


def test_our_tokens_inside_one_of_several_strangers_records_stay_ours():
    zone = Memory(txt('"v=spf1 a -all"'))
    zone.apply(spf_record(1, 2))
    zone.rrsets[APEX, "TXT"] = txt(*zone.values(APEX, "TXT"), '"v=spf1 mx -all"')
    plan = zone.apply(spf_record(2), consolidate=True)
    assert plan.additive[0].new == ('"v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 a mx -all"',)
    assert zone.values(APEX, "TXT") == ('"v=spf1 ip4:192.0.2.2 a mx -all"',)
    zone.apply()
    assert zone.values(APEX, "TXT") == ('"v=spf1 a mx -all"',)


def test_several_records_that_are_all_ours_become_one():
    zone = Memory()
    zone.apply(spf_record(1))
    zone.rrsets[APEX, "TXT"] = txt('"v=spf1  ip4:192.0.2.1 ~all"', '"v=spf1 ip4:192.0.2.1 ~all"')
    zone.apply(spf_record(1), consolidate=True)
    assert zone.values(APEX, "TXT") == ('"v=spf1 ip4:192.0.2.1 ~all"',)
    zone.apply()
    assert not zone.rrsets


@given(st.lists(foreign_spf(), min_size=2, max_size=4, unique_by=txt_octets), st.lists(other, max_size=2, unique=True))
def test_joining_loses_no_foreign_mechanism_and_leaves_one_record(records, others):
    """Joined or refused; and once we leave, the record is what joining the strangers' alone would have made."""
    assume(txt_octets(spf_record(1).rdata) not in map(txt_octets, records))
    zone = Memory(txt(*records, *others))
    plan = zone.plan(spf_record(1), consolidate=True)
    if obstacle := spf_join.obstacle(sorted(records)):
        assert obstacle in plan.conflicts[0].reason
        return
    zone.apply(spf_record(1), consolidate=True)
    (merged,) = (value for value in zone.values(APEX, "TXT") if spf.is_spf(value))
    kept = {spf.meaning(token) for token in spf.tokens_of(merged)}
    for record in records:
        assert {spf.meaning(token) for token in spf.tokens_of(record) if not spf.is_all(token)} <= kept
    assert sum(map(spf.is_all, spf.tokens_of(merged))) <= 1
    assert not spf.missing(merged, ["ip4:192.0.2.1"])
    zone.apply()
    assert sorted(zone.values(APEX, "TXT")) == sorted([*others, spf_join.join(sorted(records))])
    assert zone.rrsets[APEX, "TXT"].ttl == 777


def test_that_nobody_sends_said_by_a_stranger_first_stays_his():
    """It is just what we would write for a parked domain; but he wrote it, and it must be there when we are gone."""
    zone = Memory(txt('"v=spf1 -all"'))
    zone.apply(Record(APEX, "TXT", 300, '"v=spf1 -all"', shared=True))
    zone.apply()
    assert zone.values(APEX, "TXT") == ('"v=spf1 -all"',)
