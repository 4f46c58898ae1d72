"""After the database was lost: never from zero."""

import asyncio
import json

import pytest
from pacing_tools import HOLD, NOON, PASS, V4, Hands, Journal, World, config, plan

from postwright.pacing.lines import Delivery
from postwright.pacing.rebuild import lost, rebuild
from postwright.pacing.status import problems

LANE = f"{V4}-google"
MIDNIGHT = NOON - 43_200


def delivery(queue_id, at, lane=LANE, status="sent"):
    return Delivery(lane, queue_id, status, "2.0.0", "ok", at)


def rebuilt(base, journal, **changes):
    """A world whose database was damaged, rebuilt from the journal."""
    (base / "pacing.db").write_bytes(b"damaged" * 1000)
    world = World(base, config(plans={"small": plan([10, 20], hour_share=0.5)}, **changes), Hands())
    assert lost(world.books)
    asyncio.run(rebuild(world.books, journal))
    assert world.store.commit()
    return world


def test_what_the_log_shows_was_spent_counts(tmp_path):
    journal = Journal([
        delivery("OLD", MIDNIGHT - 5), delivery("AAAA", MIDNIGHT + 5), delivery("BBBB", NOON + 1, status="deferred"),
        delivery("BBBB", NOON + 2), delivery("CCCC", NOON + 3, f"{V4}-other"),
    ])  # fmt: skip
    world = rebuilt(tmp_path, journal)
    assert (world.lane.account.hour, world.lane.account.day) == (1, 2)
    assert world.books.accounts[f"{V4}-other"].day == 1
    assert not lost(world.again().books)
    assert world.again().lane.account.day == 2


def test_what_postfix_put_off_untried_neither_counts_nor_hides_an_attempt(tmp_path):
    put_off = [delivery(it, NOON + 2, lane="", status="deferred") for it in ("AAAA", "BBBB")]
    world = rebuilt(tmp_path, Journal([delivery("AAAA", NOON + 1, status="deferred"), *put_off]))
    assert (world.lane.account.hour, world.lane.account.day) == (1, 1)


def test_what_the_log_does_not_reach_back_to_counts_as_spent(tmp_path):
    world = rebuilt(tmp_path, Journal([], oldest=NOON - 60))
    assert (world.lane.account.hour, world.lane.account.day) == (0, 10)
    assert world.ask() == HOLD
    assert any("counts as used up" in line for line in world.lines)


@pytest.mark.parametrize("error", [OSError("no journalctl"), RuntimeError("odd")])
def test_a_log_that_cannot_be_read_means_that_all_is_spent(tmp_path, error):
    world = rebuilt(tmp_path, Journal(error=error))
    assert (world.lane.account.hour, world.lane.account.day) == (5, 10)


def test_stages_come_from_the_shadow_copy(tmp_path):
    standing = {
        "standing": {"stage": 1, "last_day": "2026-11-21", "bad_days": 0, "since": ""},
        "warm": False,
        "length": 2,
    }
    (tmp_path / "lanes.json").write_text(json.dumps({"format": 1, "standings": {LANE: standing}}))
    world = rebuilt(tmp_path, Journal())
    assert (world.lane.account.limits.day, world.books.accounts[f"{V4}-other"].limits.day) == (20, 10)
    assert world.again().lane.account.limits.day == 20


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '{"standings": []}', f'{{"standings": {{"{LANE}": 5}}}}',
                                  f'{{"standings": {{"{LANE}": {{"standing": {{"stage": "x"}}}}}}}}'])  # fmt: skip
def test_a_shadow_copy_that_cannot_be_read_means_the_first_stage(tmp_path, text):
    (tmp_path / "lanes.json").write_text(text)
    assert rebuilt(tmp_path, Journal()).lane.account.standing.stage == 0


def test_a_domains_budget_counts_as_spent_because_the_log_knows_no_sender(tmp_path):
    domains = {"a.test": {"plan": "small", "start": "2026-11-22", "share": [1, 1], "providers": ["google"]}}
    world = rebuilt(tmp_path, Journal(), domains=domains)
    assert world.books.budgets["a.test/google"].room(NOON) == 0
    assert world.lane.account.room(NOON) == 5


def test_a_database_file_that_is_gone_is_noticed_by_its_shadow_copy(tmp_path):
    (tmp_path / "lanes.json").write_text("{}")
    assert lost(World(tmp_path).books)


def test_a_first_start_is_no_loss(tmp_path):
    world = World(tmp_path)
    assert not lost(world.books)
    world = world.again()
    assert not lost(world.books)
    assert world.ask() == PASS


def test_a_rebuild_cut_short_is_done_again(tmp_path):
    (tmp_path / "lanes.json").write_text("{}")
    world = World(tmp_path)
    world.store.set_meta(rebuild="1")
    world.store.commit()
    world = world.again()
    assert lost(world.books)
    asyncio.run(rebuild(world.books, Journal([delivery("AAAA", NOON + 1)])))
    world.store.commit()
    assert (lost(world.again().books), world.lane.account.day) == (False, 1)


def test_the_loss_is_told_in_status(tmp_path):
    world = rebuilt(tmp_path, Journal())
    world.books.told("lost", world.store.meta("lost"))
    assert any("the database was lost (kept as pacing.db.broken-" in it for it in problems(world.books))
