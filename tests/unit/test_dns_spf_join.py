"""Several SPF records become one: nothing is lost, and nothing gains force."""

import pytest

from postwright.dns import spf
from postwright.dns.canonical import txt_octets, txt_rdata
from postwright.dns.spf import join as spf_join


def rdata(text):
    return txt_rdata([text.encode("latin-1")])


def joined(*texts):
    records = [rdata(text) for text in texts]
    assert not spf_join.obstacle(records)
    return txt_octets(spf_join.join(records)).decode("latin-1")


def test_terms_of_the_first_then_what_the_others_add():
    assert joined("v=spf1 A mx -all", "v=spf1 +a ~include:x.test MX -all") == "v=spf1 A mx ~include:x.test -all"


def test_same_addresses_in_other_words_are_there_once():
    assert joined("v=spf1 ip4:192.0.2.1/32 -all", "v=spf1 +ip4:192.0.2.1 -all") == "v=spf1 ip4:192.0.2.1/32 -all"


def test_same_mechanism_with_another_qualifier_is_another():
    assert joined("v=spf1 -a -all", "v=spf1 a -all") == "v=spf1 -a a -all"


@pytest.mark.parametrize(
    ("ends", "kept"),
    [(("-all", "~all"), "~all"), (("~ALL", "?all"), "?all"), (("all", "-all"), "all"), (("", "-all"), "-all")],
)
def test_least_restrictive_end_stands_last(ends, kept):
    assert joined(*(f"v=spf1 a {end}".rstrip() for end in ends)) == f"v=spf1 a {kept}"


def test_what_no_receiver_came_to_stays_out_of_reach():
    assert joined("v=spf1 a -all include:x.test", "v=spf1 mx -all") == "v=spf1 a mx -all include:x.test"


def test_macros_that_differ_in_case_are_two():
    """``%{I}`` is escaped for a URL, ``%{i}`` is not."""
    assert joined("v=spf1 exists:%{I}.x.test -all", "v=spf1 exists:%{i}.x.test -all").count("exists:") == 2


def test_one_redirect_survives_where_nothing_ends_before_it():
    assert joined("v=spf1 redirect=x.test", "v=spf1 a Redirect=X.test") == "v=spf1 a redirect=x.test"


def test_one_explanation_survives_behind_the_end():
    assert joined("v=spf1 exp=x.test -all", "v=spf1 a -all exp=X.TEST") == "v=spf1 a -all exp=x.test"


@pytest.mark.parametrize(
    ("one", "other", "shown"),
    [
        ("v=spf1 redirect=x.test", "v=spf1 redirect=y.test", ["redirect=x.test", "redirect=y.test"]),
        ("v=spf1 redirect=x.test", "v=spf1 a -all", ["redirect=x.test", "-all"]),
        ("v=spf1 a exp=x.test -all", "v=spf1 a exp=y.test -all", ["exp=x.test", "exp=y.test"]),
    ],
)
def test_what_cannot_be_joined_is_shown(one, other, shown):
    obstacle = spf_join.obstacle([rdata(one), rdata(other)])
    assert all(token in obstacle for token in shown)


def test_a_single_record_stays_byte_for_byte():
    odd = txt_rdata([b"v=spf1  a ", b"\xff:x  redirect=x exp=y ?all -all "])
    assert not spf_join.obstacle([odd])
    assert spf_join.join([odd]) == odd


def test_long_result_is_cut_into_strings_a_receiver_joins():
    many = [f"v=spf1 {' '.join(f'ip4:192.0.{net}.{n}' for n in range(40))} -all" for net in (2, 3)]
    assert len(spf.tokens_of(spf_join.join([rdata(text) for text in many]))) == 81


def test_names_of_terms():
    terms = ["-MX/24", "a", "redirect=x", "exists:%{i}=x", "IP4:192.0.2.1"]
    assert [spf.name_of(term) for term in terms] == ["mx", "a", "redirect=", "exists", "ip4"]
