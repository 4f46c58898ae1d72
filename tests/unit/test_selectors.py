"""A selector of our own is never used twice; one that is led to us comes round again when nobody can need its key."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright import values
from postwright.keys.key import STATES, Key
from postwright.keys.selectors import TEMPLATE, next_fixed, next_selector

DAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def key(selector, state, age=0):
    moment = NOW - timedelta(days=age)
    told = moment if state in {"revoked", "deleted"} else None
    return Key(selector, state, "rsa", 2048, "AAAA", history={state: moment}, told=told)


def test_a_selector_says_when_its_key_was_made_and_those_of_a_day_are_numbered():
    assert next_selector(TEMPLATE, DAY, ()) == "pw20261122"
    assert next_selector(TEMPLATE, DAY, {"pw20261122", "pw20261122-2", "pw20261122-4"}) == "pw20261122-3"


@pytest.mark.parametrize(
    ("template", "host", "expected"),
    [
        ("pw{date}", "mx1", "pw20261122"),
        ("{host}-{date}", "mx1", "mx1-20261122"),
        ("{host}-{date}", "mx1.example.com", "mx1-example-com-20261122"),
        ("{host}-{date}", None, "20261122"),
        ("{date}-{host}", None, "20261122"),
        ("s{serial}-{date}", None, "s1-20261122"),
    ],
)
def test_a_template_is_filled_in(template, host, expected):
    assert next_selector(template, DAY, (), host) == expected


def test_the_number_stands_where_the_template_says():
    assert next_selector("s{serial}-{date}", DAY, {"s1-20261122", "s2-20261122"}) == "s3-20261122"
    assert next_selector("{date}-{host}", DAY, {"20261122"}) == "20261122-2"


@given(
    st.sampled_from(["pw{date}", "{host}-{date}", "{date}-{host}", "{host}{date}x{serial}"]),
    st.lists(st.none() | st.sampled_from(["mx1", "mx2.example.com"]), max_size=12),
)
def test_no_name_is_given_twice_and_each_is_a_label(template, hosts):
    used = set()
    for host in hosts:
        name = next_selector(template, DAY, used, host)
        assert name not in used
        assert values.label(name) == name
        used.add(name)


def test_a_selector_that_was_never_used_comes_first():
    keys = (key("pw1", "deleted", 99), key("pw2", "active"))
    assert next_fixed(("pw1", "pw2", "pw3"), keys, urgent=False) == "pw3"
    assert next_fixed(("pw1", "pw2"), (), urgent=True) == "pw1"


def test_of_those_whose_key_was_deleted_the_one_deleted_first_comes_next():
    keys = (key("pw1", "deleted", 10), key("pw2", "deleted", 20), key("pw3", "active"))
    assert next_fixed(("pw1", "pw2", "pw3"), keys, urgent=False) == "pw2"


@pytest.mark.parametrize("state", STATES)
def test_a_selector_whose_key_can_be_needed_is_never_given(state):
    assert next_fixed(("pw1",), (key("pw1", state),), urgent=False) == ("pw1" if state == "deleted" else None)
    assert next_fixed(("pw1",), (key("pw1", state),), urgent=True) == (
        "pw1" if state in {"deleted", "revoked"} else None
    )


@pytest.mark.parametrize("state", ["revoked", "deleted"])
def test_a_selector_is_not_free_before_dns_was_seen_to_say_that_its_key_is_gone(state):
    keys = (replace(key("pw1", state, 99), told=None),)
    assert next_fixed(("pw1",), keys, urgent=False) is None
    assert next_fixed(("pw1",), keys, urgent=True) is None


def test_even_when_a_key_is_needed_at_once_a_revoked_one_is_the_last_resort():
    keys = (key("pw1", "revoked", 99), key("pw2", "deleted", 1))
    assert next_fixed(("pw1", "pw2"), keys, urgent=True) == "pw2"


def test_a_selector_that_came_round_again_is_judged_by_its_newest_key():
    keys = (key("pw1", "deleted", 99), key("pw2", "deleted", 50), key("pw1", "active"))
    assert next_fixed(("pw1", "pw2"), keys, urgent=False) == "pw2"
    assert next_fixed(("pw1",), keys, urgent=True) is None
