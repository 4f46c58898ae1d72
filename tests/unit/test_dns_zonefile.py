"""Instructions for a person: what they say, and what they can be recognised by later."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.dns.canonical import txt_rdata
from postwright.dns.plan import Change, RRset
from postwright.dns.zonefile import due, instructions

A = Change("mail.example.com", "A", None, (), 300, ("192.0.2.1",))
TXT = Change("example.com", "TXT", 60, ('"a"', '"v=spf1 -all"'), 60, ('"a"', '"v=spf1 ip4:192.0.2.1 -all"'))
GONE = Change("old.example.com", "A", 300, ("192.0.2.9",), 300, ())


def test_each_record_set_says_what_goes_and_what_comes():
    text = instructions("example.com", [A, TXT, GONE], "2026-01-02 03:04")
    head, *parts = text.split("\n\n; ")
    assert head.startswith(
        "; Zone example.com: 3 record sets to change by hand. Written by postwright, 2026-01-02 03:04 UTC.\n"
    )
    assert parts == [
        "1 of 3: mail.example.com A: add\nmail.example.com. 300 IN A 192.0.2.1",
        (
            "2 of 3: example.com TXT: replace\n"
            ';- example.com. 60 IN TXT "a"\n;- example.com. 60 IN TXT "v=spf1 -all"\n'
            'example.com. 60 IN TXT "a"\nexample.com. 60 IN TXT "v=spf1 ip4:192.0.2.1 -all"'
        ),
        "3 of 3: old.example.com A: remove\n;- old.example.com. 300 IN A 192.0.2.9\n",
    ]


def test_what_is_not_a_comment_is_exactly_what_is_to_be_put_in():
    """Many editors import a zone file."""
    lines = instructions("example.com", [A, TXT, GONE], "now").splitlines()
    bare = [line for line in lines if line and not line.startswith(";")]
    assert bare == [f"{it.name}. {it.ttl} IN {it.type} {value}" for it in (A, TXT, GONE) for value in it.new]


def test_an_instruction_tells_the_state_it_begins_with():
    assert due(instructions("example.com", [A, TXT, GONE], "now")) == (
        RRset("mail.example.com", "A", 0, ()),
        RRset("example.com", "TXT", 60, TXT.old),
        RRset("old.example.com", "A", 300, GONE.old),
    )


@pytest.mark.parametrize("text", ["", "; nothing here\n", "example.com 300 A 192.0.2.1\n", "what is this?\n"])
def test_what_is_no_instruction_begins_with_nothing(text):
    assert due(text) == ()


@given(st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=3), min_size=1, max_size=3, unique_by=tuple))
def test_any_octets_are_one_line_and_come_back(values):
    old = tuple(txt_rdata(strings) for strings in values)
    text = instructions("example.com", [Change("example.com", "TXT", 60, old, 60, old)], "now")
    assert due(text) == (RRset("example.com", "TXT", 60, old),)
    assert sum(not line.startswith(";") for line in text.splitlines() if line) == len(old)
