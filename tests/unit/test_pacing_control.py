"""What a person says to the agent: done and on disk, or refused with the reason and nothing changed."""

import json

import pytest
from pacing_tools import HOLD, NOON, PASS, V4, Journal, Queue, QueueKeeper, World, address, config, plan

from postwright.pacing.control import Control
from postwright.pacing.reconcile import Reconciliation
from postwright.pacing.release import Release

LANE = f"{V4}-google"
SECOND = address("192.0.2.11", "v4-192-0-2-11", plan=None)


class Desk:
    """A world with its control."""

    def __init__(self, world):
        keeper = QueueKeeper(Queue())
        self.world = world
        self.release = Release(world.books, keeper, world.pacer.spend)
        self.control = Control(world.books, self.release, Reconciliation(world.books, keeper, Journal()))

    def say(self, **request):
        return self.control.answer(json.dumps(request).encode())

    def status(self, lane=LANE):
        return next(it for it in self.say(do="status")["lanes"] if it["lane"] == lane)


@pytest.fixture
def desk(tmp_path):
    return Desk(World(tmp_path, config(addresses=[address(), SECOND], plans={"small": plan([3, 6, 12])})))


def test_a_pause_closes_the_lanes_named_and_resume_opens_them(desk):
    only = {"address": "192.0.2.10", "provider": "google"}
    assert desk.say(do="pause", reason="blocked by hand", until=None, **only) == {"changed": [LANE]}
    status = desk.status()
    assert (status["mode"], status["reason"], status["next"]) == (
        "paused",
        "blocked by hand",
        "paused until a person says resume",
    )
    desk = Desk(desk.world.again())
    assert desk.world.ask() == "FILTER v4-192-0-2-11-google:"
    assert desk.say(do="resume", **only) == {"changed": [LANE]}
    assert desk.world.ask(queue_id="AAAA") == PASS


def test_a_pause_of_everything_names_every_lane(desk):
    assert len(desk.say(do="pause", address=None, provider=None, reason="x", until=NOON + 60)["changed"]) == 6
    assert desk.status()["until"] == NOON + 60
    assert desk.world.ask() == HOLD


def test_a_stage_set_by_a_person_counts_from_one_and_is_on_disk(desk):
    assert desk.say(do="set", address="192.0.2.10", provider="google", stage=2) == {"changed": [LANE]}
    desk = Desk(desk.world.again())
    status = desk.status()
    assert (status["stage"], status["stages"], status["limits"]) == (2, 3, {"hour": 6, "day": 6})


@pytest.mark.parametrize("after", ["warm", "stay"])
def test_a_lane_set_warm_has_no_limit_whatever_its_plan_says_of_its_end(tmp_path, after):
    desk = Desk(World(tmp_path, config(plans={"small": plan([3, 6], after=after)})))
    desk.say(do="set", address="192.0.2.10", provider="google", stage="warm")
    status = Desk(desk.world.again()).status()
    assert (status["stage"], status["limits"]) == ("warm", {"hour": None, "day": None})


@pytest.mark.parametrize(("request_", "error"), [
    ({"do": "dance"}, "do must be one of status, pause, resume, set, release, complaints"),
    ({}, "do must be one of"), ({"do": []}, "do must be one of"),
    ({"do": "status", "x": 1}, "status knows no x"),
    ({"do": "pause", "address": "192.0.2.99"}, "there is no lane of address '192.0.2.99' to provider None"),
    ({"do": "pause", "address": 5}, "address must be a text or null"),
    ({"do": "pause", "until": "x"}, "until must be epoch seconds or null"),
    ({"do": "pause", "until": True}, "until must be epoch seconds or null"),
    ({"do": "set", "address": "192.0.2.10", "stage": 0}, 'stage must be 1 to 3 or "warm"'),
    ({"do": "set", "address": "192.0.2.10", "stage": 4}, 'stage must be 1 to 3 or "warm"'),
    ({"do": "set", "address": "192.0.2.10"}, 'stage must be 1 to 3 or "warm"'),
    ({"do": "set", "stage": 2}, "is warm and has no plan"),
    ({"do": "release", "count": 0}, "count must be a whole number"),
    ({"do": "complaints", "count": None}, "count must be a whole number"),
    ({"do": "complaints", "count": True}, "count must be a whole number"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_and_changes_nothing(desk, request_, error):
    before = desk.say(do="status")
    assert error in desk.say(**request_)["error"]
    after = desk.say(do="status")
    assert (after["lanes"], after["decisions"]) == (before["lanes"], before["decisions"])


@pytest.mark.parametrize(
    "line", [b"", b"{", b"5", b"[]", b"null", b"\xff", b"[" * 60_000, b'{"do":"status"', b'{"do":null}']
)
def test_what_is_no_request_is_answered_with_an_error(desk, line):
    assert "error" in desk.control.answer(line)


def test_a_release_counts_what_is_held_now_and_no_more(tmp_path):
    desk = Desk(World(tmp_path))
    for number in range(8):
        desk.world.ask(queue_id=f"AA{number:02d}")
    assert desk.say(do="release", address="192.0.2.10", provider="google", count=2) == {"changed": [LANE]}
    desk.say(do="release", address="192.0.2.10", provider="google", count=100)
    assert desk.release.extra == {LANE: 5}
    desk.say(do="release", address=None, provider=None, count=None)
    assert desk.release.extra == {LANE: 5}


def test_complaints_are_counted_for_the_day(desk):
    desk.say(do="complaints", address="192.0.2.10", provider="google", count=3)
    assert Desk(desk.world.again()).status()["today"]["complaints"] == 3


def test_a_disk_that_refuses_is_told_and_changes_nothing(desk):
    desk.world.store.execute(
        "CREATE TEMP TRIGGER no BEFORE INSERT ON reaction BEGIN SELECT RAISE(FAIL, 'disk full'); END"
    )
    assert "disk full" in desk.say(do="pause", address="192.0.2.10", provider="google")["error"]
    assert "cannot be written" in desk.say(do="pause", address="192.0.2.10", provider="google")["error"]
    assert any("disk full" in it for it in desk.say(do="status")["problems"])
    desk.world.store.execute("DROP TRIGGER no")
    desk.world.books.load()
    assert desk.status()["mode"] == "normal"


def test_every_decision_is_kept_with_its_reason_and_the_last_fifty_are_told(desk):
    for number in range(60):
        desk.say(do="set", address="192.0.2.10", provider="google", stage=number % 3 + 1)
    decisions = desk.say(do="status")["decisions"]
    assert len(decisions) == 50
    assert decisions[-1] == {"at": NOON, "lane": LANE, "what": "stage 3", "reason": "set by a person"}
