"""What agents are told is what was shown: numbers add up, and what lies beyond a budget is counted."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warmup_agents import NOW, lane, status, warm

from postwright.errors import UsageError
from postwright.warmup import fleetwide, orders, outcome
from postwright.warmup.asking import Asked
from postwright.warmup.scope import Scope

SCOPE = Scope(("mx1",), None, None)


def joined(*lanes, failed=()):
    return fleetwide.joined({"mx1": [status("mx1", list(lanes))]}, dict(failed), (None, None))


def one(**changes):
    return joined(lane(**changes)).lanes[0]


@given(st.integers(1, 10**7), st.lists(st.integers(1, 10**6), min_size=1, max_size=30))
def test_shares_add_up_and_none_is_more_than_is_held(count, held):
    shares = orders.shared_out(count, held)

    assert sum(shares) == min(count, sum(held))
    assert all(0 <= share <= each for share, each in zip(shares, held, strict=True))


@given(st.integers(1, 1000), st.lists(st.integers(1, 1000), min_size=1, max_size=10))
def test_who_holds_more_gives_no_less(count, held):
    ordered = sorted(held)
    shares = orders.shared_out(count, ordered)

    assert all(later >= earlier - 1 for earlier, later in pairwise(shares))


def test_without_a_number_all_leave():
    assert orders.shared_out(None, [3, 4]) == [3, 4]


@pytest.mark.parametrize(
    ("used", "limits", "count", "over"),
    [
        ((0, 0), (10, 50), 10, 0),
        ((0, 0), (10, 50), 11, 1),
        ((0, 48), (10, 50), 5, 3),
        ((10, 20), (10, 50), 5, 5),
        ((70, 70), (10, 50), 5, 5),
        ((3, 3), (20, None), 18, 1),
        ((9, 900), (None, None), 500, 0),
    ],
)
def test_what_neither_hour_nor_day_has_left_is_beyond_the_budget(used, limits, count, over):
    it = one(used=dict(zip(("hour", "day"), used, strict=True)), limits=dict(zip(("hour", "day"), limits, strict=True)))

    assert orders.beyond(it, count) == over


def test_a_release_within_the_budget_is_called_that():
    order = orders.release(joined(lane(held=3)), SCOPE, None)

    assert order.question == "Release 3 messages? That is within the budget."
    assert order.lines[0].means == ""


def test_a_release_beyond_the_budget_is_marked():
    order = orders.release(joined(lane(held=30)), SCOPE, None)

    assert order.question == "Release 30 messages, 20 of them beyond the budget?"
    assert order.lines[0].means == "bad"


def test_a_slow_lane_is_told_of_before_it_is_hurried():
    order = orders.release(joined(lane(held=3, mode="slow", until=NOW + 600, reason="TSS04")), SCOPE, None)

    assert order.lines[0].text.endswith("; it is slow until 12:10 UTC: TSS04")
    assert order.lines[0].means == "bad"


def test_a_release_and_complaints_must_not_be_repeated_and_all_else_may_be():
    there = joined(lane(held=3, mode="slow"))
    made = [
        orders.pause(there, SCOPE, "", None),
        orders.resume(there, SCOPE, ""),
        orders.set_stage(there, SCOPE, 5, lambda *_: ""),
        orders.release(there, SCOPE, None),
        orders.complaints(there, SCOPE, 1),
    ]

    assert [it.repeatable for it in made] == [True, True, True, False, False]


def test_a_step_back_is_no_leap():
    order = orders.set_stage(joined(lane(stage=5)), SCOPE, 1, lambda *_: "50 a day")

    assert [it.text for it in order.lines] == ["~ mx1 192.0.2.10 google: stage 5 → 1 (50 a day)"]


def test_a_warm_lane_that_has_a_plan_can_be_taken_back():
    there = joined(warm() | {"plan": "conservative", "stages": 17})
    order = orders.set_stage(there, SCOPE, 2, lambda *_: "50 a day")

    assert order.lines[0].text == "~ mx1 192.0.2.11 google: stage warm → 2 (50 a day)"


def test_where_no_agent_answered_nothing_is_told_to_any():
    order = orders.pause(fleetwide.joined({}, {"mx1": "timed out"}, (None, None)), SCOPE, "", None)

    assert (order.requests, order.lines) == ({}, ())


def test_an_agent_that_has_no_such_lane_is_named():
    with pytest.raises(UsageError, match=r"^mx1: no lane of 192\.0\.2\.9 and yahoo; run `postwright apply` first$"):
        orders.pause(joined(), Scope(("mx1",), "192.0.2.9", "yahoo"), "", None)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["v4-192-0-2-10-google"], ["mx1 192.0.2.10: google: paused"]),
        (["a-lane-made-since"], ["mx1: a-lane-made-since: paused"]),
        ([], ["mx1: its agent changed nothing"]),
    ],
)
def test_what_an_agent_says_it_changed_is_told_as_it_says_it(changed, told):
    there = joined(lane())
    order = orders.pause(there, SCOPE, "", None)
    found = outcome.outcome(there, order, Asked({"mx1": [{"changed": changed}]}), "nothing")

    assert [it.text for it in found.lines(100)] == told


def test_a_stopped_lane_is_not_called_paused():
    order = orders.pause(joined(lane(), lane(provider="yahoo", mode="stopped")), SCOPE, "", None)

    assert [it.text for it in order.lines] == [
        "~ mx1 192.0.2.10: google: paused until somebody resumes them; mail for them is held",
        "  mx1 192.0.2.10 yahoo: is stopped already, and stays so",
    ]
