"""A lane advances only after a day that used its stage and went well, holds otherwise, and steps back when it went badly."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.pacing.plans import BUILT_IN, Limits, Plan
from postwright.pacing.stages import Day, Standing, Thresholds, filled, judged, rested

PLAN = Plan("p", "day", (100, 200, 400, 800))
STAYS = replace(PLAN, after="stay")
NORMAL = Thresholds()
TODAY = "2026-11-22"

counts = st.integers(0, 1000)
dates = st.dates(date(2026, 1, 1), date(2027, 12, 31)).map(str)
standings = st.builds(Standing, st.integers(0, 6), st.just("") | dates, st.integers(0, 3), st.just("") | dates)
days = st.builds(Day, dates, counts, st.booleans(), counts, counts, counts, counts, counts, counts)
providers = st.sampled_from(["google", "other", "unknown"])
plan_choices = st.sampled_from([PLAN, STAYS, *BUILT_IN.values(), replace(PLAN, overrides={"google": (10,)})])


def day(used=100, *, full=True, at=TODAY, attempted=None, **counts):
    attempted = used if attempted is None else attempted
    zero = {"throttled": 0, "bounced": 0, "complaints": 0, "blocked": 0}
    lost = sum(counts.get(key, 0) for key in ("throttled", "bounced", "blocked"))
    return Day(at, used, full, attempted, **{"delivered": attempted - lost, **zero, **counts})


def after(standing, the_day, provider="google", plan=PLAN):
    return judged(plan, provider, standing, the_day, NORMAL)


def test_a_used_stage_that_went_well_is_followed_by_the_next():
    standing, reason = after(Standing(1), day(200))

    assert standing == Standing(2, TODAY, 0, TODAY)
    assert reason.startswith("advances")


@pytest.mark.parametrize(
    ("the_day", "why"),
    [
        (day(full=False), "not used"),
        (day(bounced=3), "3.00% bounced"),
        (day(throttled=5), "5.00% deferred"),
        (day(complaints=1), "1.00% complained"),
        (day(blocked=1), "1 blocked"),
        (day(attempted=80), "80 attempted, fewer than 90"),
        (day(delivered=89), "89.00% delivered"),
    ],
)
def test_a_day_that_did_not_go_well_enough_holds_and_says_why(the_day, why):
    small = Thresholds(sample=90)

    standing, reason = judged(PLAN, "google", Standing(1), the_day, small)

    assert (standing.stage, standing.last_day) == (1, TODAY)
    assert reason.startswith("holds: ")
    assert why in reason


def test_a_held_day_names_all_that_was_wrong():
    _, reason = after(Standing(1), day(full=False, bounced=4, throttled=10, blocked=1))

    for why in ("1 blocked", "not used", "bounced", "deferred", "delivered"):
        assert why in reason


@pytest.mark.parametrize(("bad", "why"), [({"bounced": 6}, "6.00% bounced"), ({"complaints": 2}, "2.00% complained")])
def test_a_bad_day_steps_one_stage_back_even_if_it_was_not_filled(bad, why):
    for full in (True, False):
        standing, reason = after(Standing(2), day(full=full, **bad))
        assert standing == Standing(1, TODAY, 0, TODAY)
        assert reason.startswith("steps back: ")
        assert why in reason


def test_one_complaint_alone_is_an_accident_and_only_holds():
    assert after(Standing(2), day(complaints=1))[0].stage == 2


def test_a_block_on_two_sending_days_running_steps_back():
    first, _ = after(Standing(2), day(blocked=1))
    idle, _ = after(first, day(0, at="2026-11-23"))
    second, reason = after(idle, day(at="2026-11-24", blocked=1))

    assert (first.stage, first.bad_days) == (2, 1)
    assert idle == first
    assert (second.stage, second.bad_days) == (1, 0)
    assert "blocked on 2 sending days" in reason


def test_a_good_day_between_two_blocks_forgets_the_first():
    standing = Standing(1)
    for number, blocked in enumerate((1, 0, 1)):
        standing, _ = after(standing, day(at=f"2026-11-2{number}", blocked=blocked))

    assert (standing.stage, standing.bad_days) == (2, 1)


@pytest.mark.parametrize(("blocked", "bad_days"), [(3, 0), (4, 1)])
def test_a_few_blocks_among_many_small_domains_do_not_count(blocked, bad_days):
    assert after(Standing(1), day(blocked=blocked), "other")[0].bad_days == bad_days
    assert after(Standing(1), day(blocked=blocked), "google")[0].bad_days == 1


def test_the_first_stage_is_the_lowest():
    assert after(Standing(0), day(bounced=50))[0].stage == 0


def test_the_last_stage_leads_to_warm_or_stays():
    assert after(Standing(3), day(800))[0].stage == 4
    assert after(Standing(3), day(800), plan=STAYS)[0].stage == 3
    assert after(Standing(3), day(800), plan=STAYS)[1] == "stays at the last stage"


def test_a_warm_lane_stays_warm_whatever_it_sends_and_steps_back_when_it_goes_badly():
    assert after(Standing(4), day(5, full=False)) == (Standing(4, TODAY), "")
    assert after(Standing(4), day(100, full=False, bounced=6))[0].stage == 3


def test_a_stage_behind_a_plan_that_has_shrunk_counts_as_its_highest():
    assert after(Standing(30), day(100, full=False, bounced=6))[0].stage == 3
    assert after(Standing(30), day(100), plan=STAYS)[0].stage == 3


def test_a_small_budget_is_judged_by_the_little_it_can_send():
    tiny = Plan("p", "day", (5, 10))

    assert after(Standing(0), day(5), plan=tiny)[0].stage == 1
    assert after(Standing(1), day(10, bounced=2), plan=tiny)[0].stage == 0
    assert after(Standing(1), day(3, full=False, bounced=3), plan=tiny)[0].stage == 1


@pytest.mark.parametrize(("attempted", "stage"), [(49, 2), (50, 1)])
def test_below_the_sample_nothing_is_concluded_from_bounces(attempted, stage):
    assert after(Standing(2), day(attempted, full=False, bounced=10))[0].stage == stage


def test_a_single_message_can_be_the_whole_of_a_stage():
    assert after(Standing(0), day(1), plan=Plan("p", "day", (1, 2)))[0].stage == 1


def test_the_first_stage_of_the_conservative_plan_needs_no_more_than_nine_tenths():
    assert after(Standing(0), day(45), plan=BUILT_IN["conservative"])[0].stage == 1


def test_a_day_without_mail_does_not_count():
    assert after(Standing(2, "2026-11-20"), day(0, complaints=5)) == (Standing(2, "2026-11-20"), "")


@pytest.mark.parametrize("last", [TODAY, "2026-11-23"])
def test_a_day_is_judged_once_and_a_clock_set_back_judges_nothing(last):
    assert after(Standing(1, last), day()) == (Standing(1, last), "")


@given(plan_choices, providers, standings, days)
def test_no_day_moves_a_lane_by_more_than_one_stage(plan, provider, standing, the_day):
    standing = replace(standing, stage=min(standing.stage, plan.top(provider)))

    moved, reason = judged(plan, provider, standing, the_day, NORMAL)

    assert abs(moved.stage - standing.stage) <= 1
    assert 0 <= moved.stage <= plan.top(provider)
    assert judged(plan, provider, moved, the_day, NORMAL) == (moved, "")
    assert moved.stage == standing.stage or reason


@given(plan_choices, providers, standings, days)
def test_no_lane_advances_unused_or_after_a_bad_day(plan, provider, standing, the_day):
    standing = replace(standing, stage=min(standing.stage, plan.top(provider)))

    moved, _ = judged(plan, provider, standing, the_day, NORMAL)

    if moved.stage > standing.stage:
        assert the_day.filled
        assert the_day.used > 0
        assert the_day.delivered >= 0.9 * the_day.attempted
        assert the_day.bounced <= 0.03 * the_day.attempted
        assert the_day.throttled <= 0.05 * the_day.attempted
        assert the_day.complaints <= 0.001 * the_day.delivered
        assert provider != "google" or not the_day.blocked


@given(providers, st.lists(st.tuples(st.integers(1, 3), counts), max_size=30))
def test_what_is_warm_stays_warm_through_good_days_without_a_long_gap(provider, good):
    standing, at = Standing(4, TODAY, 0, TODAY), date.fromisoformat(TODAY)
    for gap, used in good:
        at += timedelta(gap)
        standing, _ = rested(PLAN, standing, str(at))
        standing, _ = after(standing, day(used, full=False, at=str(at)), provider)

    assert standing.stage == 4


@pytest.mark.parametrize(("gap", "stage"), [(0, 3), (1, 3), (30, 3), (31, 0), (400, 0)])
def test_more_than_thirty_days_without_mail_lead_back_to_the_first_stage(gap, stage):
    today = str(date.fromisoformat(TODAY) + timedelta(gap))

    standing, reason = rested(PLAN, Standing(3, TODAY, 1, "2026-10-01"), today)

    assert standing.stage == stage
    assert bool(reason) == (gap > 30)
    assert rested(PLAN, standing, today) == (standing, "")


def test_the_idle_stage_and_the_idle_days_are_the_plans():
    plan = replace(PLAN, idle_days=5, idle_stage=1)

    assert rested(plan, Standing(4, TODAY), "2026-11-28")[0].stage == 1
    assert rested(plan, Standing(4, TODAY), "2026-11-27")[0].stage == 4
    assert rested(plan, Standing(0, TODAY), "2027-11-27") == (Standing(0, TODAY), "")


def test_a_stage_that_a_person_set_rests_from_then_on():
    assert rested(PLAN, Standing(3, "2026-01-01", 0, TODAY), "2026-11-23")[0].stage == 3
    assert rested(PLAN, Standing(3), "2026-11-23")[0].stage == 3


@given(plan_choices, standings, dates)
def test_rest_never_raises_a_stage(plan, standing, today):
    moved, reason = rested(plan, standing, today)

    assert moved.stage <= standing.stage
    assert (moved != standing) == bool(reason)


@pytest.mark.parametrize(
    ("limits", "used", "hour", "expected"),
    [
        (Limits(10, 50), 45, 10, True),
        (Limits(10, 50), 44, 10, False),
        (Limits(20, None), 18, 18, True),
        (Limits(20, None), 400, 17, False),
        (Limits(None, None), 10**9, 10**9, False),
    ],
)
def test_a_day_felt_its_limit_at_nine_tenths_of_the_day_or_of_one_hour(limits, used, hour, expected):
    assert filled(limits, used, hour, NORMAL) is expected


@given(standings)
def test_a_standing_survives_json(standing):
    assert Standing.of_json(standing.to_json()) == standing


def test_thresholds_survive_json_and_may_leave_out_what_is_normal():
    mine = Thresholds(delivered=0.95, sample=20)

    assert Thresholds.of_json(mine.to_json()) == mine
    assert Thresholds.of_json({"sample": 20, "delivered": 0.95}) == mine


@pytest.mark.parametrize(
    ("kind", "data", "problems"),
    [
        (Standing, [], ["must be a mapping"]),
        (Standing, {"stage": -1, "last_day": "22.11.2026", "colour": 1}, ["stage", "last_day", "colour"]),
        (Standing, {"bad_days": True, "since": "20261122"}, ["bad_days", "since"]),
        (Thresholds, {"used": 1.5, "sample": 0.5, "x": 0}, ["used", "sample", "x"]),
        (Thresholds, {"bounced": 0.06, "complaints": 0.5}, ["back_bounced", "back_complaints"]),
        (Thresholds, {"delivered": float("nan")}, ["delivered"]),
    ],
)
def test_bad_data_is_refused_with_every_problem(kind, data, problems):
    with pytest.raises(ValueError, match=r".") as caught:
        kind.of_json(data)

    assert all(it in str(caught.value) for it in problems)
