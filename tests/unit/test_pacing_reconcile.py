"""What we know is compared with the queue and the log: nothing of a person's is touched, no token comes back wrongly."""

import asyncio
import time

import pytest
from pacing_tools import HOLD, PASS, V4, Journal, Queue, QueueKeeper, World, config

from postwright.pacing import reconcile
from postwright.pacing.lines import Delivery
from postwright.pacing.reactions import Reaction
from postwright.pacing.reconcile import Reconciliation, arrival
from postwright.pacing.release import Release
from postwright.pacing.results import Results

LANE, GATE = f"{V4}-google", "gate:[127.0.0.1]:10026"
BUDGET = 3


class Scene:
    """A world, its queue and its journal."""

    def __init__(self, base, **changes):
        self.world, self.queue, self.journal = World(base, config(**changes)), Queue(), Journal()
        self.made = Reconciliation(self.world.books, QueueKeeper(self.queue), self.journal)

    def once(self):
        asyncio.run(self.made.once())
        self.world.store.commit()

    def ask(self, *ids):
        return [self.world.ask(queue_id=it) for it in ids]

    def later(self, seconds):
        """As if all had happened so much earlier."""
        self.world.store.execute("UPDATE message SET at = at - ?", (seconds,))
        for lane in self.world.books.lanes.values():
            lane.outstanding = {key: at - seconds for key, at in lane.outstanding.items()}

    def states(self):
        return dict(self.world.store.execute("SELECT queue_id, state FROM message").fetchall())


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def delivery(queue_id, at=None, status="sent"):
    return Delivery(LANE, queue_id, status, "2.0.0", "250 ok", time.time() if at is None else at)


def test_a_message_that_was_never_sent_gives_its_token_back(scene):
    assert scene.ask("AAAA", "BBBB", "CCCC", "DDDD") == [PASS] * 3 + [HOLD]
    scene.queue.other = {"AAAA": "", "BBBB": ""}
    scene.queue.hold = {"DDDD": f"{LANE}:"}
    scene.later(601)
    scene.once()
    assert scene.states() == {"AAAA": "passed", "BBBB": "passed", "DDDD": "held"}
    assert (scene.world.lane.account.day, len(scene.world.lane.outstanding)) == (2, 2)
    assert scene.world.again().lane.account.day == 2


@pytest.mark.parametrize("seconds", [0, 50])
def test_a_message_gets_a_minute_for_its_result(scene, seconds):
    scene.ask("AAAA")
    scene.later(seconds)
    scene.once()
    assert (scene.states(), scene.world.lane.account.day) == ({"AAAA": "passed"}, 1)


def test_a_message_whose_result_was_logged_and_never_told_has_spent_its_token(scene):
    scene.ask("AAAA")
    scene.journal.deliveries = [delivery("AAAA")]
    scene.later(601)
    scene.once()
    assert (scene.world.lane.account.day, scene.world.lane.outstanding, scene.states()) == (1, {}, {})


def test_a_message_that_postfix_only_put_off_untried_and_then_lost_gives_its_token_back(scene):
    scene.ask("AAAA")
    scene.journal.deliveries = [Delivery("", "AAAA", "deferred", "4.4.1", "refused", time.time())]
    scene.later(601)
    scene.once()
    assert (scene.world.lane.account.day, scene.world.lane.outstanding, scene.states()) == (0, {}, {})


def test_no_token_comes_back_for_what_left_before_the_host_was_booted(scene):
    """What the log said last before a crash may be lost with it."""
    scene.ask("AAAA")
    scene.later(601)
    scene.world.store.set_meta(booted=repr(time.time() - 300))
    scene.once()
    assert (scene.world.lane.account.day, scene.world.lane.outstanding, scene.states()) == (1, {}, {})


def test_no_token_comes_back_when_the_log_or_the_keeper_cannot_be_read(scene):
    scene.ask("AAAA")
    scene.later(601)
    scene.queue.broken = "away"
    scene.once()
    assert scene.world.lane.account.day == 1
    assert "away" in scene.world.books.problems["reconciliation"]
    scene.queue.broken = ""
    scene.journal.error = OSError("no journal")
    scene.once()
    assert scene.world.lane.account.day == 1
    assert "no journal" in scene.world.books.problems["reconciliation"]
    scene.journal.error = None
    scene.once()
    assert (scene.world.lane.account.day, scene.world.books.problems) == (0, {})


def test_a_token_comes_back_only_into_its_own_window(scene):
    scene.ask("AAAA")
    scene.later(601)
    scene.world.hands.pass_(3600)
    scene.world.books.opened_or_same(scene.world.books.now())
    scene.once()
    assert (scene.world.lane.account.hour, scene.world.lane.account.day) == (0, 0)
    assert scene.world.books.spent(LANE, f"h{scene.world.books.hour - 1}") == 1


def test_held_mail_that_is_no_longer_on_hold_is_forgotten_after_two_minutes(scene):
    scene.ask("AAAA", "BBBB", "CCCC", "DDDD", "EEEE")
    scene.queue.hold = {"EEEE": f"{LANE}:"}
    scene.once()
    assert scene.world.lane.held == 2
    scene.later(121)
    scene.once()
    assert (scene.world.lane.held, scene.states()["EEEE"], "DDDD" in scene.states()) == (1, "held", False)


def test_mail_put_on_hold_while_the_hold_queue_is_listed_is_not_forgotten(scene):
    scene.ask("AAAA")
    scene.world.store.execute("UPDATE message SET state = 'deferred'")
    scene.world.lane.back("AAAA")
    scene.later(1000)
    scene.queue.other = {"AAAA": f"{LANE}:"}
    scene.world.lane.reaction = Reaction("paused")

    async def listing():
        yield sorted(scene.queue.hold)
        await Release(scene.world.books, scene.made._keeper, scene.world.pacer.spend).once()

    scene.made._keeper.held = listing
    scene.once()

    assert (list(scene.queue.hold), scene.states(), scene.world.lane.held) == (["AAAA"], {"AAAA": "held"}, 1)


@pytest.mark.parametrize("state", ["held", "holding"])
def test_mail_whose_attempt_ended_after_it_was_put_on_hold_is_found_there(scene, state):
    scene.ask("AAAA")
    scene.world.store.execute("UPDATE message SET state = ?", (state,))
    scene.world.books.load()
    scene.queue.hold = {"AAAA": f"{LANE}:"}
    results = Results(scene.world.books, scene.world.store.commit, lambda *_: None)
    asyncio.run(results.handle([delivery("AAAA", status="deferred")], "c"))

    scene.once()

    assert (scene.states(), scene.world.lane.held, scene.world.lane.account.day) == ({"AAAA": "held"}, 1, 1)


@pytest.mark.parametrize("state", ["lost", "holding"])
def test_mail_that_we_left_on_hold_with_its_token_is_released_without_a_new_one(scene, state):
    scene.ask("AAAA")
    scene.world.store.execute("UPDATE message SET state = ?", (state,))
    scene.queue.hold = {"AAAA": f"{LANE}:"}
    scene.once()
    assert scene.states() == {"AAAA": "held"}
    row = scene.world.store.execute("SELECT paid FROM message").fetchone()
    assert (row, scene.world.lane.held, scene.world.lane.outstanding) == ((1,), 1, {})


@pytest.mark.parametrize("state", ["deferred", "kept"])
def test_deferred_mail_that_a_person_put_on_hold_is_counted_as_such(scene, state):
    scene.ask("AAAA")
    scene.world.store.execute("UPDATE message SET state = ?", (state,))
    scene.queue.hold = {"AAAA": f"{LANE}:"}
    scene.once()
    assert (scene.states(), scene.world.lane.held, scene.made.unknown_held) == ({"AAAA": state}, 0, 1)


@pytest.mark.parametrize("state", ["passed", "deferred", "kept"])
def test_mail_that_had_left_and_that_a_person_put_on_hold_is_left_alone(scene, state):
    scene.ask("AAAA")
    scene.world.store.execute("UPDATE message SET state = ?", (state,))
    scene.queue.hold = {"AAAA": f"{LANE}:"}
    scene.later(1000)
    scene.once()
    assert (scene.states(), scene.world.lane.held, scene.queue.events) == ({"AAAA": state}, 0, [])


def test_what_a_person_put_on_hold_is_left_alone_and_asked_about_once(scene):
    scene.queue.hold = {"PERS": f"{LANE}:", "PROO": "proof:", "NONE": ""}
    asked = []
    filters = scene.made._keeper.filters

    async def counting(ids):
        asked.extend(ids)
        return await filters(ids)

    scene.made._keeper.filters = counting
    for _ in range(3):
        scene.once()
        asyncio.run(scene.made.to_gate())
    assert (scene.queue.events, scene.states()) == ([("release", ()), ("requeue", ())] * 3, {})
    assert (sorted(asked), scene.made.unknown_held) == (["NONE", "PERS", "PROO"], 3)


def test_mail_taken_in_without_an_agent_goes_to_the_gate_in_order(scene):
    ids = [long_id(time.time() + number) for number in (1, 2, 3)]
    old = long_id(time.time() - 432_000)
    scene.queue.hold = dict.fromkeys((ids[2], ids[0], old, ids[1]), GATE) | {"PERS": ""}
    scene.once()
    asyncio.run(scene.made.to_gate())
    assert scene.queue.events == [("release", tuple(ids)), ("requeue", (old,))]
    assert (scene.made.unknown_held, list(scene.queue.hold)) == (1, ["PERS"])


def test_mail_held_because_our_answer_came_too_late_goes_to_the_gate_and_its_token_comes_back(scene):
    assert scene.ask("AAAA", "BBBB") == [PASS] * 2
    scene.queue.hold, scene.queue.other = {"AAAA": GATE}, {"BBBB": ""}

    scene.once()
    asyncio.run(scene.made.to_gate())

    assert (scene.queue.events[0], scene.states()) == (("release", ("AAAA",)), {"BBBB": "passed"})
    assert (scene.world.lane.account.day, list(scene.world.lane.outstanding)) == (1, ["BBBB"])
    assert scene.world.again().lane.account.day == 1


def test_an_answer_that_came_too_late_does_not_keep_a_recovering_lane_shut(scene):
    scene.world.lane.reaction = Reaction("recovering", in_flight=1)
    assert scene.ask("AAAA", "BBBB") == [PASS, HOLD]
    scene.queue.hold = {"AAAA": GATE, "BBBB": f"{LANE}:"}
    scene.once()
    assert scene.world.lane.free(scene.world.books.now()) == 1


def test_mail_for_the_relay_that_was_answered_too_late_goes_to_the_gate(tmp_path):
    stream = {"name": "alerts", "senders": ["@al.test"], "users": [], "when_full": "overflow", "after": 0}
    scene = Scene(tmp_path, streams=[stream], relay="relay-out:x")
    scene.ask("AAAA", "BBBB", "CCCC")
    assert scene.world.ask(queue_id="DDDD", sender="a@al.test") == "FILTER relay-out:x"
    scene.queue.hold, scene.queue.other = {"DDDD": GATE}, dict.fromkeys(("AAAA", "BBBB", "CCCC"), "")
    scene.once()
    asyncio.run(scene.made.to_gate())
    assert (scene.queue.events[0], "DDDD" in scene.states()) == (("release", ("DDDD",)), False)
    assert scene.world.lane.account.day == BUDGET


def meanwhile(scene, work):
    """Have something happen while the keeper looks up filters."""
    filters = scene.made._keeper.filters

    async def looked_up(ids):
        found = await filters(ids)
        work()
        return found

    scene.made._keeper.filters = looked_up


def test_what_is_answered_late_and_held_while_it_is_looked_up_stays_counted_as_held(scene):
    scene.ask("AAAA", "BBBB", "CCCC")
    scene.queue.hold = {"DDDD": GATE}
    meanwhile(scene, lambda: scene.ask("DDDD"))
    scene.once()
    assert (scene.states()["DDDD"], scene.world.lane.held) == ("held", 1)


def test_after_a_lost_database_what_was_released_during_the_first_look_is_not_taken_over_twice(scene):
    scene.ask("AAAA")
    scene.queue.hold = {"AAAA": f"{LANE}:"}
    scene.made.adopting = True
    scene.once()
    assert (scene.states(), scene.world.lane.held, scene.made.adopting) == ({"AAAA": "passed"}, 0, False)
    assert scene.made.unknown_held == 0


def test_sent_mail_that_lies_on_hold_is_told_when_it_lies_there_at_the_next_look_too(scene):
    """At the first it may just have been released."""
    scene.ask("AAAA")
    scene.queue.hold = {"AAAA": f"{LANE}:"}
    scene.once()
    assert scene.made.unknown_held == 0
    scene.once()
    assert scene.made.unknown_held == 1


def test_the_next_look_is_never_put_off_by_more_than_the_longest_pause(scene, monkeypatch):
    monkeypatch.setattr(reconcile, "SHARE", 1e12)
    monkeypatch.setattr(reconcile, "INTERVAL", 0.0)
    monkeypatch.setattr(reconcile, "LONGEST", 0.01)
    scene.queue.hold = {"PERS": ""}
    held = scene.made._keeper.held
    looks = []

    def counted():
        looks.append(held)
        return held()

    scene.made._keeper.held = counted

    async def life():
        task = asyncio.create_task(scene.made.run())
        end = time.monotonic() + 10
        while len(looks) < 2 and time.monotonic() < end:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(life())
    assert len(looks) >= 2


def test_after_a_lost_database_held_mail_with_a_lane_is_taken_over_in_order(scene):
    ids = [long_id(time.time() - 10 + number) for number in range(3)]
    scene.queue.hold = dict.fromkeys(reversed(ids), f"{LANE}:") | {"PERS": "", "GONE": "v4-1-google:"}
    scene.made.adopting = True
    scene.once()
    rows = scene.world.store.execute("SELECT queue_id FROM message WHERE state = 'held' ORDER BY place").fetchall()
    assert [it for (it,) in rows] == ids
    assert (scene.world.lane.held, scene.made.foreign) == (3, {"PERS", "GONE"})


def test_a_warm_lanes_lost_messages_do_not_count_as_under_way_for_ever(tmp_path):
    scene = Scene(tmp_path, addresses=[{"ip": "192.0.2.10", "label": V4, "plan": None, "start": None}])
    scene.ask("AAAA", "BBBB")
    scene.queue.other = {"BBBB": ""}
    scene.later(601)
    scene.once()
    assert list(scene.world.lane.outstanding) == ["BBBB"]


def test_what_nobody_will_ask_for_again_is_forgotten(scene):
    scene.world.store.execute(
        "INSERT INTO expected VALUES(1, x'00', 'l', '', 1, '', 0, ?, '')", (time.time() - 86_500,)
    )
    scene.world.store.execute(
        "INSERT INTO message VALUES('RRRR', '', '', 1, ?, 'relayed', 0, 0, 0, '', NULL, '')", (time.time() - 3700,)
    )
    scene.once()
    assert (scene.states(), scene.world.store.one("SELECT count(*) FROM expected")) == ({}, 0)


def test_many_held_messages_are_compared_without_losing_one(scene):
    count = 30_000
    scene.world.store.begin()
    scene.world.store.many(
        "INSERT INTO message VALUES(?, ?, '', ?, 0, 'held', 0, 0, 0, '', NULL, '')",
        [(f"H{number:07d}", LANE, number) for number in range(count)],
    )
    scene.world.store.commit()
    scene.world.books.load()
    scene.queue.hold = {f"H{number:07d}": f"{LANE}:" for number in range(0, count, 2)}
    scene.once()
    assert (scene.world.lane.held, len(scene.states())) == (count // 2, count // 2)


DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def long_id(at):
    """A long queue id of that moment, as Postfix makes it."""

    def base52(number, width):
        text = ""
        while number or len(text) < width:
            number, digit = divmod(number, 52)
            text = DIGITS[digit] + text
        return text

    return base52(int(at), 6) + base52(int(at % 1 * 1e6), 4) + "zB7"


@pytest.mark.parametrize("at", [1795349000.25, 1.5, 1e9, 1e10])
def test_a_long_queue_id_tells_when_its_message_came(at):
    assert arrival(long_id(at))[0] == pytest.approx(at, abs=1e-5)


@pytest.mark.parametrize("queue_id", ["ABCDEF01", "", "z" * 30 + "!", "aeiouaeiouaeiouz1"])
def test_other_ids_tell_nothing(queue_id):
    assert arrival(queue_id) in ((0.0, queue_id), (arrival(queue_id)[0], queue_id))
    assert queue_id != "ABCDEF01" or arrival(queue_id)[0] == 0
