"""Budget windows: what is left, how parts make the whole, how long a queue waits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.pacing import windows
from postwright.pacing.plans import Limits
from postwright.pacing.windows import DAY, HOUR, NEVER, part_of, room, share_left, wait

NOON = 20_000 * DAY + 12 * HOUR


@given(st.integers(0, 10_000), st.integers(1, 20))
def test_the_parts_of_all_hosts_are_together_the_whole(number, of):
    parts = [part_of(Limits(None, number), part, of) for part in range(1, of + 1)]
    assert sum(it.day for it in parts) == number
    assert max(it.day for it in parts) - min(it.day for it in parts) <= 1
    assert {it.hour for it in parts} == {None}


@pytest.mark.parametrize(("limits", "hour", "day", "left", "share"), [
    (Limits(None, None), 5, 5, math.inf, 1.0),
    (Limits(10, None), 4, 400, 6, 0.6),
    (Limits(10, 40), 4, 36, 4, 0.1),
    (Limits(10, 40), 10, 36, 0, 0.0),
    (Limits(10, 40), 15, 36, 0, 0.0),
    (Limits(0, 0), 0, 0, 0, 0.0),
])  # fmt: skip
def test_what_is_left_is_what_both_windows_leave(limits, hour, day, left, share):
    assert room(limits, hour, day) == left
    assert share_left(limits, hour, day) == pytest.approx(share)


@pytest.mark.parametrize(("limits", "hour", "day", "ahead", "seconds"), [
    (Limits(None, None), 9, 9, 10**6, 0),
    (Limits(10, None), 9, 9, 0, 0),
    (Limits(10, None), 10, 10, 0, HOUR),
    (Limits(10, None), 10, 10, 9, HOUR),
    (Limits(10, None), 10, 10, 10, 2 * HOUR),
    (Limits(10, 40), 10, 10, 29, HOUR + 2 * HOUR),
    (Limits(10, 40), 10, 40, 0, 12 * HOUR),
    (Limits(10, 40), 10, 40, 39, 12 * HOUR + 3 * HOUR),
    (Limits(10, 40), 10, 40, 40, 12 * HOUR + DAY),
    (Limits(0, 40), 0, 0, 0, NEVER),
    (Limits(0, 0), 0, 0, 3, NEVER),
])  # fmt: skip
def test_a_message_waits_for_the_window_that_has_a_token_for_it(limits, hour, day, ahead, seconds):
    assert wait(limits, hour, day, ahead, NOON) == seconds


def test_a_day_has_a_number_a_name_and_a_date():
    assert windows.iso(windows.day_of(NOON)) == "2024-10-04"
    assert windows.day_of(NOON) == 20_000
    assert (windows.hour_name(windows.hour_of(NOON)), windows.day_name(20_000)) == ("h480012", "d20000")
