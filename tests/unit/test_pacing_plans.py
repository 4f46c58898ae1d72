"""A plan's limits are those of its source, a plan survives JSON, and a bad one is refused with all that is wrong."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.pacing.plans import BUILT_IN, Limits, Plan, plan_of, to_json

CONSERVATIVE, HOURLY, STAGED = BUILT_IN["conservative"], BUILT_IN["hourly"], BUILT_IN["staged"]

numbers = st.lists(st.integers(1, 10**9), min_size=1, max_size=40).map(lambda it: tuple(sorted(it)))
factors = st.floats(0.001, 1000)
names = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)


@st.composite
def plans(draw):
    stages = draw(numbers)
    return Plan(
        draw(names),
        draw(st.sampled_from(["hour", "day"])),
        stages,
        draw(st.floats(0.001, 1)),
        draw(st.sampled_from(["warm", "stay"])),
        draw(st.integers(1, 400)),
        draw(st.integers(0, len(stages) - 1)),
        draw(st.dictionaries(names, numbers | factors, max_size=3)),
        draw(st.text(max_size=20)),
    )


@pytest.mark.parametrize(
    ("day", "number"),
    [
        (1, 50),
        (3, 50),
        (4, 100),
        (6, 100),
        (7, 500),
        (10, 1000),
        (14, 2000),
        (18, 4000),
        (21, 8000),
        (22, 16_000),
        (24, 16_000),
        (25, 32_000),
        (39, 512_000),
    ],
)
def test_the_conservative_plan_is_that_of_braze_and_doubles_every_three_days(day, number):
    assert CONSERVATIVE.limits(day - 1, "google").day == number


@pytest.mark.parametrize(
    ("day", "number"), [(0, 20), (1, 28), (13, 1587), (20, 16_734), (27, 176_395), (29, 345_735), (41, 19_601_056)]
)
def test_the_hourly_plan_is_that_of_sendgrid_to_its_last_day(day, number):
    assert HOURLY.limits(day, "google") == Limits(number, None)
    assert HOURLY.length("google") == 42


@pytest.mark.parametrize(
    ("stage", "number"), [(1, 200), (7, 20_000), (10, 75_000), (14, 250_000), (21, 1_250_000), (28, 7_500_000)]
)
def test_the_staged_plan_is_that_of_sparkpost_up_to_ten_million_a_day(stage, number):
    assert STAGED.limits(stage - 1, "google").day == number
    assert STAGED.limits(28, "google").day == 10_000_000
    assert STAGED.limits(29, "google") == Limits(None, None)


@pytest.mark.parametrize("plan", BUILT_IN.values(), ids=BUILT_IN)
def test_a_built_in_plan_only_grows_and_says_where_it_comes_from(plan):
    assert list(plan.stages) == sorted(plan.stages)
    assert "(" in plan.source
    assert plan_of(plan.name, to_json(plan)) == plan


def test_an_hour_takes_a_fifth_of_the_day_rounded_up_as_written():
    assert CONSERVATIVE.limits(0, "google") == Limits(10, 50)
    assert Plan("p", "day", (3,)).limits(0, "google") == Limits(1, 3)
    assert Plan("p", "day", (100,), hour_share=0.07).limits(0, "google") == Limits(7, 100)


def test_a_provider_may_have_its_own_stages_or_a_factor_on_all():
    plan = Plan("p", "day", (10, 20, 40), overrides={"yahoo": (5, 6), "apple": 0.5, "gmx": 0.01})

    assert [plan.limits(stage, "yahoo").day for stage in range(3)] == [5, 6, None]
    assert [plan.limits(stage, "apple").day for stage in range(4)] == [5, 10, 20, None]
    assert plan.limits(0, "gmx").day == 1
    assert (plan.length("yahoo"), plan.length("google")) == (2, 3)


def test_behind_the_last_stage_a_plan_is_warm_or_stays():
    warm, stays = Plan("p", "day", (10, 20)), Plan("p", "day", (10, 20), after="stay")

    assert warm.limits(2, "google") == warm.limits(99, "google") == Limits(None, None)
    assert stays.limits(2, "google") == stays.limits(99, "google") == stays.limits(1, "google")
    assert (warm.top("google"), stays.top("google")) == (2, 1)


def test_the_capacity_of_a_day_counts_every_hour_of_a_plan_by_the_hour():
    assert HOURLY.capacity(0, "google") == 480
    assert CONSERVATIVE.capacity(0, "google") == 50
    assert HOURLY.capacity(42, "google") is None


@given(plans(), st.integers(-5, 60), names)
def test_no_stage_gives_less_than_one_message_or_less_than_the_stage_before(plan, stage, provider):
    for name in (provider, *plan.overrides):
        here, following = plan.limits(stage, name), plan.limits(stage + 1, name)
        for now, later in ((here.hour, following.hour), (here.day, following.day)):
            assert now is None or now >= 1
            assert later is None or now is None or later >= now
        assert here.day is None or 1 <= here.hour <= here.day


@given(plans())
def test_a_plan_survives_json_and_so_does_each_of_its_limits(plan):
    again = plan_of(plan.name, to_json(plan))

    assert again == plan
    assert [again.limits(stage, "google") for stage in range(42)] == [
        plan.limits(stage, "google") for stage in range(42)
    ]


@given(st.integers(1, 10**9), st.integers(1, 100))
def test_the_hour_is_the_least_number_that_is_no_less_than_its_share(number, percent):
    assert Plan("p", "day", (number,), hour_share=percent / 100).limits(0, "x").hour == ceil(
        number * percent / 100 - 1e-6
    )


BAD = {
    "unit": ["week", None, 5, ["day"], ""],
    "stages": [[], None, "5", [0], [5, 4], [1.5], [True], [10**10], [1] * 1001, {"a": 1}, ["1"], [-3]],
    "hour_share": [0, 10**400, -0.1, 1.01, "x", None, float("nan"), float("inf"), True],
    "after": ["hot", None, 1],
    "idle_days": [0, -1, 1.5, "30", None, True],
    "idle_stage": [-1, 7, "0", None, 0.5],
    "overrides": [
        [],
        None,
        {"google": 0},
        {"google": 10**400},
        {"google": []},
        {"google": "x"},
        {"Google!": 1.0},
        {1: 2.0},
        {"google": [2, 1]},
    ],
    "source": [None, 5, ["x"]],
    "speed": [1, None],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD.items() for value in values])
def test_a_bad_value_is_refused_by_its_key(key, value):
    with pytest.raises(ValueError, match=rf"(^|; )'?{key}'?: "):
        plan_of("p", {"unit": "day", "stages": [1, 2, 3], key: value})


@given(st.sets(st.sampled_from(sorted(BAD)), min_size=1), st.data())
def test_every_problem_of_a_plan_is_named_at_once(keys, data):
    given_keys = {key: data.draw(st.sampled_from(BAD[key])) for key in keys}

    with pytest.raises(ValueError, match=r".") as caught:
        plan_of("p", {"unit": "day", "stages": [1, 2, 3]} | given_keys)

    # With bad stages it cannot be said whether the idle stage is among them.
    expected = keys - ({"idle_stage"} if "stages" in keys and given_keys.get("idle_stage") == 7 else set())
    assert {it.split(":")[0].strip("'") for it in str(caught.value).split("; ")} >= expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda it: st.lists(it) | st.dictionaries(st.text(), it),
    )
)
def test_any_garbage_is_refused_with_a_reason_and_nothing_else(data):
    with pytest.raises(ValueError, match="stages"):
        plan_of("p", data)


def test_what_a_plan_leaves_out_is_the_normal():
    plan = plan_of("p", {"unit": "day", "stages": [5, 10]})

    assert plan == Plan("p", "day", (5, 10), 0.2, "warm", 30, 0, {}, "")
    assert plan_of("p", {"unit": "day", "stages": [5], "idle_stage": 0}).idle_stage == 0


def test_what_is_missing_and_a_bad_name_are_named_too():
    with pytest.raises(ValueError, match=r"plan 'Bad Name'.*stages: missing; unit: missing"):
        plan_of("Bad Name", {})
