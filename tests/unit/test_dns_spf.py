"""SPF by token: what is ours goes in at the front and comes out without a trace."""

import pytest

from postwright.dns import spf
from postwright.dns.canonical import txt_octets, txt_rdata

OURS = ["ip4:192.0.2.1", "ip6:2001:db8::1"]


def rdata(*strings):
    return txt_rdata(string.encode("latin-1") for string in strings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v=spf1", True),
        ("V=SPF1 a", True),
        ("v=spf1 ", True),
        ("v=spf10 a", False),
        ("v=spf2.0/pra", False),
        ("", False),
    ],
)
def test_what_counts_as_spf(text, expected):
    assert spf.is_spf(rdata(text)) is expected


def test_version_may_be_cut_in_two():
    assert spf.is_spf(rdata("v=sp", "f1 a -all"))
    assert txt_octets(spf.add(rdata("v=sp", "f1 a -all"), OURS[:1])) == b"v=spf1 ip4:192.0.2.1 a -all"


@pytest.mark.parametrize(
    "foreign",
    [
        ("v=spf1",),
        ("v=spf1 ",),
        ("v=spf1  a  ~all",),
        ("v=spf1 include:a.exam", "ple", "", " -all"),
        ("v=spf1", " a -all"),
        ("v=spf1 " + "x" * 248, " -all"),
    ],
)
def test_added_and_removed_leaves_every_octet_and_string(foreign):
    before = rdata(*foreign)
    after = spf.add(before, OURS)
    assert txt_octets(after).startswith(b"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1")
    assert txt_octets(after).endswith(txt_octets(before).removeprefix(b"v=spf1"))
    assert spf.remove(after, OURS[::-1]) == before


def test_more_of_ours_than_one_string_holds():
    many = [f"ip4:192.0.2.{number}" for number in range(100)]
    before = rdata("v=spf1 a -all")
    assert spf.missing(spf.add(before, many), many) == ()
    assert spf.remove(spf.add(before, many), many) == before


def test_only_whole_tokens_are_removed():
    text = rdata("v=spf1 ip4:192.0.2.10 -ip4:192.0.2.1 ~all")
    assert spf.remove(text, ["ip4:192.0.2.1"]) == text


@pytest.mark.parametrize("there", ["ip4:192.0.2.1", "+IP4:192.0.2.1", "ip4:192.0.2.1/32"])
def test_same_meaning_is_not_missing(there):
    assert spf.missing(rdata(f"v=spf1 {there} -all"), ["ip4:192.0.2.1"]) == ()


@pytest.mark.parametrize("there", ["-ip4:192.0.2.1", "~ip4:192.0.2.1", "ip4:192.0.2.10", "ip4:192.0.2.999", "a"])
def test_another_meaning_is_missing(there):
    assert spf.missing(rdata(f"v=spf1 {there} -all"), ["ip4:192.0.2.1"]) == ("ip4:192.0.2.1",)


def test_behind_all_nothing_is_reached():
    assert spf.missing(rdata("v=spf1 ?all ip4:192.0.2.1"), ["ip4:192.0.2.1"]) == ("ip4:192.0.2.1",)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_added_one_after_the_other_and_removed_leaves_no_cut_behind(order):
    """A record whose first string is full; a run cut short between two additions leaves ours in two strings."""
    before = txt_rdata([b"v=spf1 include:" + b"x" * 230 + b".net", b" ~all"])
    after = spf.add(spf.add(before, OURS[:1]), OURS[1:2])
    assert spf.remove(after, [OURS[number] for number in order]) == before
