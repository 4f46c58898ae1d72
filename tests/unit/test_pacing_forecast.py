"""A forecast says on which day a volume fits and how long a backlog takes, as a lane that goes well would show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.pacing.forecast import drain, reach, table
from postwright.pacing.plans import BUILT_IN, Plan
from postwright.pacing.stages import Day, Standing, Thresholds, judged

CONSERVATIVE, HOURLY, STAGED = BUILT_IN["conservative"], BUILT_IN["hourly"], BUILT_IN["staged"]
STAYS = Plan("p", "day", (24, 48, 96), hour_share=1.0, after="stay")
plan_choices = st.sampled_from([STAYS, *BUILT_IN.values()])


@pytest.mark.parametrize(
    ("plan", "volume", "number"),
    [
        (CONSERVATIVE, 50, 1),
        (CONSERVATIVE, 51, 4),
        (CONSERVATIVE, 20_000, 25),
        (CONSERVATIVE, 512_000, 37),
        (CONSERVATIVE, 10**9, 40),
        (HOURLY, 480, 1),
        (HOURLY, 481, 2),
        (STAGED, 100_000, 11),
        (STAYS, 96, 3),
        (STAYS, 97, None),
    ],
)
def test_a_volume_is_reached_on_the_first_day_that_bears_it(plan, volume, number):
    assert reach(plan, "google", volume) == number


def test_a_provider_with_its_own_stages_reaches_a_volume_on_its_own_day():
    plan = Plan("p", "day", (10, 100), overrides={"yahoo": 0.5})

    assert (reach(plan, "google", 100), reach(plan, "yahoo", 100)) == (2, 3)


def test_a_lane_that_is_on_its_way_has_fewer_days_left():
    assert reach(CONSERVATIVE, "google", 20_000, stage=24) == 1
    assert reach(CONSERVATIVE, "google", 20_000, stage=20) == 5


@given(plan_choices, st.integers(1, 10**8))
def test_a_sender_whose_days_all_go_well_reaches_the_volume_on_that_very_day(plan, volume):
    number, standing = reach(plan, "google", volume), Standing()
    for at in range(1, 60):
        capacity = plan.capacity(standing.stage, "google")
        assert (capacity is None or capacity >= volume) == (number is not None and at >= number)
        used = volume if capacity is None else capacity
        day = Day(f"2026-{1 + at // 28:02}-{1 + at % 28:02}", used, True, used, used, 0, 0, 0, 0)
        standing, _ = judged(plan, "google", standing, day, Thresholds())


def test_the_table_has_each_day_with_its_limits_and_the_sum():
    rows = table(STAYS, "google", 4)

    assert [(row.number, row.stage, row.hour, row.day, row.total) for row in rows] == [
        (1, 1, 24, 24, 24),
        (2, 2, 48, 48, 72),
        (3, 3, 96, 96, 168),
        (4, 3, 96, 96, 264),
    ]


def test_the_table_of_a_warm_lane_has_no_limits():
    last, warm = table(CONSERVATIVE, "google", 2, stage=38)

    assert (last.stage, last.day) == (39, 512_000)
    assert (warm.stage, warm.hour, warm.day, warm.total) == (None, None, None, None)
    assert table(CONSERVATIVE, "google", 0) == []


@pytest.mark.parametrize(
    ("plan", "stage", "backlog", "arriving", "hours"),
    [
        (STAYS, 0, 0, 0, 0),
        (STAYS, 0, 0, 24, 0),
        (STAYS, 0, 24, 0, 1),  # the whole day's budget at once
        (STAYS, 0, 25, 0, 25),  # one is left for tomorrow
        (STAYS, 0, 72, 0, 25),
        (STAYS, 0, 73, 0, 49),
        (STAYS, 2, 960, 48, 19 * 24 + 1),  # forty-eight fewer each day
        (CONSERVATIVE, 0, 50, 0, 5),  # ten an hour
        (CONSERVATIVE, 0, 60, 0, 25),
        (HOURLY, 0, 60, 0, 3),
        (CONSERVATIVE, 39, 10**6, 10**6, 1),  # warm
    ],
)
def test_a_backlog_is_gone_after_the_hours_the_budget_needs(plan, stage, backlog, arriving, hours):
    assert drain(plan, "google", stage, backlog, arriving) == hours


def test_more_mail_than_the_last_stage_takes_is_never_gone():
    assert drain(STAYS, "google", 0, 1, 97) is None


@given(plan_choices, st.integers(0, 20), st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 1000))
def test_more_mail_never_takes_less_time(plan, stage, backlog, arriving, more):
    less = drain(plan, "google", stage, backlog, arriving)
    longer = drain(plan, "google", stage, backlog + more, arriving)

    assert longer is None or (less is not None and less <= longer)
