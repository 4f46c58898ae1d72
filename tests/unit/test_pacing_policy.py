"""The policy protocol's reader: the same requests however the bytes are cut, and a defined outcome for every input."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pacing_tools import request

from postwright.pacing.policy import LONGEST_LINE, LONGEST_REQUEST, Requests, domain_of, parsed


def outcomes(pieces):
    """All that is read from these pieces, and whether the reader ended."""
    reader, found = Requests(), []
    for piece in pieces:
        reader.feed(piece)
        while (one := reader.next()) is not False:
            found.append(one)
    return found, reader.lost


def cut(data, places):
    """The data in pieces."""
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(bounds) if a < b]


_piece = st.one_of(
    st.just(request()),
    st.just(b"\n"),
    st.just(b"a=b\n\n"),
    st.just(b"nothing\n\n"),
    st.just(b"a=" + b"x" * (LONGEST_LINE - 3)),
    st.just(b"a=" + b"x" * LONGEST_LINE + b"\n"),
    st.just(b"a=b\n" * 9000),
    st.binary(max_size=40),
    st.text("ab=\n\0\r", max_size=30).map(str.encode),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_piece, max_size=6).map(b"".join), st.lists(st.integers(0, 1 << 20), max_size=12))
def test_any_cut_of_the_bytes_gives_the_same_requests(data, places):
    assert outcomes(cut(data, places)) == outcomes([data])


@settings(max_examples=50, deadline=None)
@given(st.lists(_piece.filter(lambda it: len(it) < 2000), max_size=4).map(b"".join))
def test_bytes_that_come_one_by_one_give_the_same_requests(data):
    assert outcomes([data[at : at + 1] for at in range(len(data))]) == outcomes([data])


def test_a_request_is_read_with_all_its_attributes():
    found, lost = outcomes([request(sasl_username="app", size="7")])
    assert not lost
    assert len(found) == 1
    assert (found[0][b"sasl_username"], found[0][b"size"], found[0][b"etrn_domain"]) == (b"app", b"7", b"")


def test_requests_in_one_piece_are_read_in_their_order():
    found, _ = outcomes([request(queue_id="AAAA") + request(queue_id="BBBB")])
    assert [it[b"queue_id"] for it in found] == [b"AAAA", b"BBBB"]


def test_a_value_may_hold_anything_but_the_end_of_its_line():
    assert parsed(b'a==b=\nb=\xff\xc3\xa9 "\n') == {b"a": b"=b=", b"b": b'\xff\xc3\xa9 "'}


@pytest.mark.parametrize(
    "text", [b"", b"a", b"=b\n", b"a\n", b"a=b\nc\n", b"a=b\0\n", b"a\0=b\n", b"a=b\n=\n", b"\na=b\n"]
)
def test_what_is_no_list_of_attributes_is_malformed(text):
    assert parsed(text) is None


def test_the_first_of_two_values_counts():
    assert parsed(b"a=1\nb=2\na=3\n") == {b"a": b"1", b"b": b"2"}


def test_a_malformed_request_does_not_hide_the_next_one():
    assert outcomes([b"junk\n\na=b\n\n\nc=d\n\n"]) == ([None, {b"a": b"b"}, None, {b"c": b"d"}], False)


@pytest.mark.parametrize("data", [
    b"a=" + b"x" * (LONGEST_LINE - 1) + b"\n\n",
    b"x" * (LONGEST_LINE + 1),
    b"x" * 1_000_000,
    b"a=b\n" * (LONGEST_REQUEST // 4) + b"\n",
    b"a=b\n" * LONGEST_REQUEST,
])  # fmt: skip
def test_too_large_a_request_ends_the_reader(data):
    assert outcomes([data + request()]) == ([None], True)


def test_the_largest_request_and_line_that_are_allowed_are_read():
    line = b"a=" + b"x" * (LONGEST_LINE - 2) + b"\n"
    data = line + b"b=c\n" * ((LONGEST_REQUEST - 1 - len(line)) // 4)
    data += b"z" * (LONGEST_REQUEST - 1 - len(data) - 2) + b"=\n" if len(data) < LONGEST_REQUEST - 3 else b""
    found, lost = outcomes([data + b"\n"])
    assert not lost
    assert found[0][b"b"] == b"c"


@pytest.mark.parametrize(("recipient", "domain"), [
    ("a@b.test", "b.test"), ("a@B.Test.", "b.test"), ('"a@b"@c.test', "c.test"), ('"a@b"', ""), ("root", ""), ("", ""),
    ("a@", ""), ("a@[192.0.2.1]", "[192.0.2.1]"), ("ü@exämple.test", "exämple.test"), ("a@\ufffd\ufffd.test", "\ufffd\ufffd.test"),
])  # fmt: skip
def test_the_domain_is_what_follows_the_last_at(recipient, domain):
    assert domain_of(recipient) == domain
