"""The end of a day: every budget is judged once, on what its day was, and the reason is kept."""

import json

import pytest
from pacing_tools import V4, World, config, plan

from postwright.pacing.rebuild import rebuild

LANE = f"{V4}-google"
DAY = 86_400


def a_day(world, used, **numbers):
    """Mail of a whole day, its results, and the next day's first look at the clock."""
    world.lane.account.take(used)
    stats = world.books.stat(LANE)
    stats.attempted = stats.delivered = used
    for key, value in numbers.items():
        setattr(stats, key, value)
    world.store.commit()
    world.hands.pass_(DAY)
    world.books.opened_or_same(world.books.now())
    world.store.commit()


def decisions(world):
    return world.store.execute("SELECT lane, what, reason FROM decisions ORDER BY id").fetchall()


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, config(plans={"small": plan([3, 6, 12])}))


def test_a_day_that_was_used_and_went_well_brings_the_next_stage(world):
    a_day(world, 3)
    assert (world.lane.account.standing.stage, world.lane.account.limits.day) == (1, 6)
    (lane, what, reason), *_ = decisions(world)
    assert (lane, what, "advances" in reason) == (LANE, "stage 2", True)
    assert world.again().lane.account.limits.day == 6


def test_the_last_stage_leads_to_a_warm_lane_that_is_still_judged(world):
    for used in (3, 6, 12):
        a_day(world, used)
    assert not world.lane.account.limited
    assert world.ask(queue_id="AAAA") == f"FILTER {LANE}:"
    assert world.lane.account.day == 1, "counted, so that it is known to be in use"
    for _ in range(40):
        a_day(world, 50)
    assert not world.lane.account.limited


def test_a_day_without_use_changes_nothing(world):
    a_day(world, 0)
    assert (world.lane.account.standing.stage, decisions(world)) == (0, [])


def test_an_address_that_rests_long_goes_back(world):
    for used in (3, 6):
        a_day(world, used)
    world.hands.pass_(40 * DAY)
    world.books.opened_or_same(world.books.now())
    assert world.lane.account.standing.stage == 0


def test_a_day_is_judged_once_however_often_the_agent_starts(world):
    a_day(world, 3)
    for _ in range(3):
        world = world.again()
    assert (world.lane.account.standing.stage, len(decisions(world))) == (1, 1)


def test_a_day_that_ended_while_no_agent_ran_is_judged_at_the_start(world):
    world.lane.account.take(3)
    world.books.stat(LANE).attempted = world.books.stat(LANE).delivered = 3
    world.store.commit()
    world.hands.pass_(2 * DAY)
    assert world.again().lane.account.standing.stage == 1


def test_complaints_on_a_day_without_mail_count_on_the_next_with_mail(world):
    a_day(world, 0, complaints=2)
    assert world.books.stats[LANE].complaints == 2
    a_day(world, 3, complaints=world.books.stats[LANE].complaints)
    assert world.lane.account.standing.stage == 0


def test_domain_budgets_are_judged_too(tmp_path):
    domains = {"a.test": {"plan": "small", "start": "2026-11-22", "share": [1, 1], "providers": ["google"]}}
    world = World(tmp_path, config(domains=domains))
    account = world.books.budgets["a.test/google"]
    account.take(3)
    stats = world.books.stat(account.name)
    stats.attempted = stats.delivered = 3
    world.hands.pass_(DAY)
    world.books.opened_or_same(world.books.now())
    assert world.books.budgets["a.test/google"].standing.stage == 1


def test_the_shadow_copy_of_the_standings_is_written_beside_the_database(world):
    a_day(world, 3)
    data = json.loads(world.books.shadow.read_text())
    assert data["standings"][LANE]["standing"]["stage"] == 1
    assert rebuild, "which reads it"


def test_windows_of_long_ago_are_forgotten(world):
    world.store.put("spent", [(LANE, "h1", 5), (LANE, "d1", 5), (LANE, f"d{world.books.day - 39}", 7)], 3)
    a_day(world, 1)
    windows = {it for (it,) in world.store.execute("SELECT window FROM spent")}
    assert f"d{world.books.day - 40}" in windows
    assert not {"h1", "d1"} & windows
