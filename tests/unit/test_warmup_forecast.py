"""A forecast shows each change of a plan once, fits the terminal, and answers when and how long."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import host_data, mail_fleet, mail_host
from support import project as made_of
from warmup_agents import lane, status, warm

from postwright.errors import UsageError
from postwright.pacing import forecast
from postwright.pacing.plans import BUILT_IN, Plan
from postwright.warmup import fleetwide, outlook, outlook_text, waiting
from postwright.warmup.outlook import Asked, Subject
from postwright.warmup.table import NARROWEST

START = date(2026, 11, 22)
SHORT = Plan("short", "day", (50, 100, 100, 200), overrides={"yahoo": 0.5, "microsoft365": (10, 20)})
NOTHING = Asked()


def told(plan, asked=NOTHING, *, start=None, provider=None, today=START, width=100):
    """The lines of a forecast."""
    groups = outlook.groups(plan, None, provider)
    return [it.text for it in outlook_text.lines(Subject(plan, start), groups, asked, today, width)]


@pytest.fixture
def project(tmp_path):
    """A host with an address of a built-in plan, one of a plan of its own, and a warm one."""
    addresses = [
        {"ip": "192.0.2.10", "helo": "mx1.example.com", "warmup": {"plan": "conservative", "start": "2026-11-22"}},
        {"ip": "192.0.2.11", "helo": "mx1.example.com", "warmup": {"plan": "own", "start": "2026-11-25"}},
        {"ip": "192.0.2.12", "helo": "mx1.example.com", "warmup": "warm"},
    ]
    plans = {"own": {"unit": "day", "stages": [10, 20, 40], "after": "stay"}}
    fleet = mail_fleet(pacing={"plans": plans, "providers": {"gmx": {}}})
    return made_of(tmp_path, host_data("mx1", mail_host(addresses=addresses), fleet))


def test_days_with_the_same_budget_share_a_line():
    rows = [line.split()[:2] for line in told(SHORT, provider="google")[2:6]]

    assert rows == [["1", "50"], ["2-3", "100"], ["4", "200"], ["5", "on"]]


def test_dates_count_from_the_start():
    rows = [line.split()[:2] for line in told(SHORT, start=START, provider="google")[2:5]]

    assert rows == [["1", "2026-11-22"], ["2-3", "2026-11-23"], ["4", "2026-11-25"]]


def test_providers_with_the_same_numbers_share_a_column():
    lines = told(SHORT)

    assert lines[1].split() == ["sending", "day", "7", "others", "microsoft365", "yahoo"]
    assert lines[2].split()[:4] == ["1", "50", "10", "25"]
    assert "  7 others: google, outlook, apple, proofpoint, mimecast, other, unknown" in lines


def test_one_provider_is_told_alone():
    lines = told(SHORT, Asked(volume=20), provider="microsoft365")

    assert lines[1].split() == ["sending", "day", "microsoft365"]
    assert lines[-1] == "20 messages a day to microsoft365: on sending day 2"


def test_a_number_of_days_may_be_asked_for():
    assert [line.split()[0] for line in told(SHORT, Asked(days=2), provider="google")[2:4]] == ["1", "2"]


@pytest.mark.parametrize(("plan", "scale"), [("conservative", "always the same factor"), ("short", "messages a day")])
def test_bars_go_by_factors_only_where_the_range_is_wide(plan, scale):
    lines = told(BUILT_IN.get(plan, SHORT), provider="google", width=80)
    bars = [line.count("▇") for line in lines if "▇" in line]

    assert bars == sorted(bars)
    assert bars[0] >= 1
    assert any(scale in line for line in lines)


def test_bars_of_a_narrow_range_are_as_long_as_their_numbers():
    bars = [line.count("▇") for line in told(SHORT, provider="google", width=200) if "▇" in line]

    assert bars == [15, 30, 60]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_volume_is_reached_on_the_day_the_plan_allows_it(name):
    plan, volume = BUILT_IN[name], 20_000
    day = forecast.reach(plan, "google", volume)
    last = told(plan, Asked(volume=volume), start=START)[-1]

    assert last == f"20,000 messages a day to each provider: on sending day {day}, {Subject(plan, START).date_of(day)}"
    assert plan.capacity(day - 1, "google") >= volume > plan.capacity(day - 2, "google")


def test_a_volume_beyond_a_plan_that_ends_is_never_reached():
    plan = Plan("small", "day", (10, 20), after="stay")

    assert told(plan, Asked(volume=21))[-1] == "21 messages a day to each provider: never; small ends at 20 a day"


def test_a_backlog_leaves_from_the_stage_of_today_on():
    asked = Asked(backlog=500)
    first = told(SHORT, asked, start=START, provider="google")[-1]
    later = told(SHORT, asked, start=START, provider="google", today=date(2026, 11, 26))[-1]

    assert first == "a backlog of 500 to google: gone in 5 days, from stage 1 on"
    assert later == "a backlog of 500 to google: gone in 1 h, warm by now"


def test_a_backlog_that_only_grows_is_told():
    plan = Plan("small", "day", (10,), after="stay")

    assert told(plan, Asked(volume=11, backlog=1), width=200)[-1] == (
        "a backlog of 1 to each provider: never gone: more arrives than leaves, from stage 1 on while 11 a day arrive"
    )


def test_the_plans_of_all_addresses_are_told_each_once(project):
    found = outlook.subjects(project, None, None)

    assert [(it.plan.name, str(it.start), it.addresses) for it in found] == [
        ("conservative", "2026-11-22", ("mx1 192.0.2.10",)),
        ("own", "2026-11-25", ("mx1 192.0.2.11",)),
    ]


def test_the_plan_of_an_address_is_found_however_it_is_written(project):
    assert [it.plan.name for it in outlook.subjects(project, None, " 192.0.2.11 ")] == ["own"]


def test_an_inventorys_own_plans_and_providers_are_known(project):
    [subject] = outlook.subjects(project, "own", None)

    assert outlook.groups(subject.plan, project, "gmx")[0].providers == ("gmx",)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda it: outlook.subjects(it, "fast", None), "no plan 'fast'; there are conservative, hourly, own, staged"),
        (lambda it: outlook.subjects(it, None, "192.0.2.12"), "192.0.2.12 follows no plan; name one with --plan"),
        (lambda it: outlook.subjects(it, None, "192.0.2.13"), "no address 192.0.2.13 on mx1; there are 192.0.2.10"),
        (lambda it: outlook.groups(SHORT, it, "comcast"), "no provider 'comcast'; mail is told apart by google"),
        (lambda _: outlook.groups(SHORT, None, "gmx"), "no provider 'gmx'; mail is told apart by google"),
    ],
)
def test_what_is_not_there_is_told_with_what_there_is(project, ask, words):
    with pytest.raises(UsageError) as error:
        ask(project)

    assert words in str(error.value)


def test_programs_get_every_day():
    subject, groups = Subject(SHORT, START, ("mx1 192.0.2.10",)), outlook.groups(SHORT, None, None)
    found = json.loads(json.dumps(outlook.to_json(subject, groups, Asked(150, 500), START)))

    assert found["groups"][0]["days"][0] == {"day": 1, "date": "2026-11-22", "stage": 1, "an_hour": 10, "a_day": 50}
    assert found["groups"][0]["days"][-1]["a_day"] is None
    assert found["groups"][0]["reached"] == {"volume": 150, "day": 4, "date": "2026-11-25"}
    assert found["groups"][0]["backlog_hours"] > 24


plans = st.builds(
    Plan,
    st.sampled_from(["p", "a plan with a very long name indeed"]),
    st.sampled_from(["hour", "day"]),
    st.lists(st.integers(1, 10**9), min_size=1, max_size=50).map(lambda them: tuple(sorted(them))),
    after=st.sampled_from(["warm", "stay"]),
    overrides=st.dictionaries(st.sampled_from(["google", "yahoo", "apple", "other"]), st.floats(0.01, 2)),
)


@given(plans, st.integers(-5, 300), st.none() | st.integers(1, 10**10), st.none() | st.integers(1, 500))
def test_every_plan_fits_any_terminal(plan, width, volume, days):
    lines = told(plan, Asked(volume, None, days), start=START, width=width)

    assert [line for line in lines if len(line) > max(width, NARROWEST)] == []


def live(project, volume, *lanes):
    joined = fleetwide.joined({"mx1": [status("mx1", list(lanes))]}, {}, (None, None))
    found = waiting.waiting(project, joined, volume)
    return [it.text.split() for it in waiting.lines(found, volume, 140)][2:]


def test_held_mail_is_followed_from_the_stage_it_waits_at(project):
    rows = live(
        project, None, lane(held=300), lane("192.0.2.11", "yahoo", plan="own", held=0), warm("192.0.2.12", held=5)
    )

    assert rows == [
        ["mx1", "192.0.2.10", "google", "3/17", "300", "gone", "in", "4", "days"],
        ["mx1", "192.0.2.12", "google", "warm", "5", "gone", "in", "0", "h"],
    ]


def test_a_volume_is_counted_from_the_stage_of_now(project):
    rows = live(
        project, 1000, lane(stage=10), lane(provider="yahoo", stage=9), lane("192.0.2.11", plan="own", stages=3)
    )

    assert [" ".join(row[4:]) for row in rows] == ["0 now", "0 in 1 sending days", "0 never"]


def test_mail_that_cannot_leave_is_no_matter_of_time(project):
    [row] = live(project, None, lane(held=300, mode="stopped", reason="listed"))

    assert " ".join(row) == "✗ mx1 192.0.2.10 google 3/17 300 stopped: nothing leaves"


def test_where_nothing_is_held_that_is_said(project):
    joined = fleetwide.joined({"mx1": [status("mx1", [lane()])]}, {}, (None, None))

    assert [it.text for it in waiting.lines(waiting.waiting(project, joined, None), None, 80)] == ["nothing is held"]
