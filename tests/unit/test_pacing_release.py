"""Held mail leaves as budgets return: in order, exactly, and ended after a crash without a second token."""

import asyncio
import time

import pytest
from pacing_tools import HOLD, PASS, V4, Queue, QueueKeeper, World, address, config, plan

from postwright.pacing import release as release_module
from postwright.pacing.lines import Delivery
from postwright.pacing.reactions import Reaction
from postwright.pacing.release import Release
from postwright.pacing.results import Results

BUDGET = 3
LANE = f"{V4}-google"
GATE = {"server_port": "10026"}


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Messages are released as soon as they are held: here Postfix has always written them."""
    monkeypatch.setattr(release_module, "YOUNG", 0.0)


class Yard:
    """A world whose held mail lies in a queue."""

    def __init__(self, base, configuration=None, queue=None, world=None):
        self.world = world or World(base, configuration)
        self.queue = queue or Queue()
        self.release = Release(self.world.books, QueueKeeper(self.queue), self.world.pacer.spend)

    def submit(self, count, start=0, **changes):
        ids = [f"4cAb{number:08d}z7" for number in range(start, start + count)]
        for queue_id in ids:
            answer = self.world.ask(queue_id=queue_id, **changes)
            if answer.startswith("hold_"):
                self.queue.hold[queue_id] = answer
            elif answer.startswith("FILTER"):
                self.queue.other[queue_id] = answer
        return ids

    def once(self):
        asyncio.run(self.release.once())
        self.world.store.commit()

    def crash(self, configuration=None):
        return Yard(None, None, self.queue, self.world.again(configuration))

    @property
    def released(self):
        return [it for what, ids in self.queue.events for it in ids if what == "release"]

    @property
    def lane(self):
        return self.world.lane

    def state(self, queue_id):
        return self.world.store.one("SELECT state FROM message WHERE queue_id = ?", (queue_id,))

    def results(self):
        """Everything under way is delivered."""
        for lane in self.world.books.lanes.values():
            lane.outstanding.clear()


@pytest.fixture
def yard(tmp_path):
    return Yard(tmp_path)


def test_nothing_is_released_without_budget(yard):
    yard.submit(8)
    yard.once()
    assert (yard.released, yard.lane.held) == ([], 5)


def test_each_days_budget_is_released_in_order_of_arrival(yard):
    ids = yard.submit(12)
    for day in range(1, 4):
        yard.world.hands.pass_(86_400)
        yard.once()
        yard.once()
        assert yard.released == ids[BUDGET : BUDGET * (day + 1)]
        assert yard.lane.account.day == BUDGET
    assert (yard.lane.held, yard.queue.hold) == (0, {})


def test_new_mail_does_not_overtake_what_is_held(yard):
    ids = yard.submit(5)
    yard.world.hands.pass_(86_400)
    late = yard.submit(1, 20)
    assert yard.world.ask(queue_id=late[0]) == HOLD
    yard.once()
    assert yard.released == [*ids[3:], *late]


def test_no_more_is_released_than_may_be_under_way(tmp_path):
    yard = Yard(tmp_path, config(addresses=[address(plan=None)], outstanding=2))
    ids = yard.submit(6)
    yard.once()
    assert yard.released == []
    yard.results()
    yard.once()
    assert yard.released == ids[2:4]


def test_a_token_is_on_disk_before_a_message_is_let_go(yard):
    yard.submit(5)
    yard.world.hands.pass_(86_400)
    seen = []

    async def release(ids):
        yard.world.store.execute("SELECT 1")
        seen.append((yard.world.store.pending, yard.world.again().lane.account.day))
        raise SystemExit(ids)

    yard.release._keeper.release = release
    with pytest.raises(SystemExit):
        yard.once()
    assert seen == [(False, 2)]


def test_what_a_crash_left_is_released_without_a_second_token(yard):
    ids = yard.submit(5)
    yard.world.hands.pass_(86_400)
    yard.queue.broken = "the keeper is away"
    yard.once()
    assert "the keeper is away" in yard.world.books.problems["keeper"]
    assert (yard.state(ids[3]), yard.lane.account.day) == ("releasing", 2)

    yard.queue.broken = ""
    yard = yard.crash()
    yard.once()

    assert (yard.released, yard.lane.account.day, yard.state(ids[3])) == (ids[3:], 2, "passed")


def test_what_postfix_has_not_yet_written_is_tried_again(yard):
    ids = yard.submit(4)
    yard.world.hands.pass_(86_400)
    yard.queue.incomplete = {ids[3]}
    yard.once()
    assert yard.state(ids[3]) == "releasing"
    yard.queue.incomplete = set()
    yard.once()
    assert (yard.state(ids[3]), yard.lane.account.day) == ("passed", 1)


def test_what_is_nowhere_on_hold_is_looked_for_two_minutes(yard):
    ids = yard.submit(4)
    yard.world.hands.pass_(86_400)
    yard.queue.hold.clear()
    yard.once()
    yard.once()
    assert yard.state(ids[3]) == "releasing"
    yard.lane.outstanding[ids[3]] -= 121
    yard.once()
    assert yard.state(ids[3]) == "lost"


DOMAINS = {"a.test": {"plan": "tiny", "start": "2026-11-22", "share": [1, 1], "providers": ["google"]}}


def test_mail_of_a_domain_without_budget_does_not_stop_that_of_others(tmp_path):
    yard = Yard(tmp_path, config(plans={"small": plan([4]), "tiny": plan([1])}, domains=DOMAINS))
    yard.submit(4)
    first = yard.submit(3, 10, sender="x@a.test")
    other = yard.submit(2, 20)
    yard.world.hands.pass_(86_400)
    yard.once()
    assert yard.released == [first[0], *other]
    assert (yard.lane.account.day, yard.world.books.budgets["a.test/google"].day) == (3, 1)
    yard.submit(2, 30)
    assert yard.lane.account.day == 4


def age(yard, seconds):
    yard.world.store.execute("UPDATE message SET at = at - ?", (seconds,))


def test_old_mail_is_taken_in_anew_and_takes_its_token_at_the_gate(yard):
    ids = yard.submit(5)
    age(yard, 432_000 / 4 + 1)
    yard.world.hands.pass_(86_400)

    yard.once()

    assert yard.queue.events == [("requeue", tuple(ids[3:]))]
    assert (yard.lane.account.day, yard.lane.held) == (0, 0)
    yard = yard.crash()
    answers = [yard.world.ask(queue_id=it, **GATE) for it in ("NEWA", "NEWB", "NEWB")]
    assert (answers, yard.lane.account.day) == ([PASS] * 3, 2)
    assert yard.world.store.one("SELECT count(*) FROM expected") == 0


def test_requeued_mail_that_finds_no_token_keeps_its_place(yard):
    yard.submit(5)
    age(yard, 432_000)
    yard.world.hands.pass_(86_400)
    yard.once()
    yard.lane.account.take(BUDGET)
    yard.submit(1, 30)
    assert yard.world.ask(queue_id="NEWA", **GATE) == HOLD
    assert yard.world.store.one("SELECT queue_id FROM message WHERE state = 'held' ORDER BY place") == "NEWA"


def test_no_more_old_mail_is_requeued_than_there_is_budget_for(yard):
    yard.submit(BUDGET + 8)
    age(yard, 432_000)
    yard.world.hands.pass_(86_400)
    yard.once()
    yard.once()
    assert sum(len(ids) for _, ids in yard.queue.events) == BUDGET


def test_a_requeue_cut_short_is_ended(yard):
    ids = yard.submit(4)
    age(yard, 432_000)
    yard.world.hands.pass_(86_400)
    yard.queue.broken = "away"
    yard.once()
    assert yard.state(ids[3]) == "requeuing"
    yard.queue.broken = ""
    yard = yard.crash()
    assert yard.lane.held == 1
    yard.once()
    assert (yard.queue.events, yard.state(ids[3]), yard.lane.held) == ([("requeue", (ids[3],))], None, 0)
    assert yard.world.store.one("SELECT count(*) FROM expected") == 1


def test_mail_held_for_an_address_that_is_gone_goes_through_the_gate_to_another(yard):
    ids = yard.submit(5)
    other = config(addresses=[address("192.0.2.99", "v4-192-0-2-99")])
    yard = yard.crash(other)

    yard.once()

    assert yard.queue.events == [("requeue", tuple(ids[3:]))]
    assert yard.world.ask(queue_id="NEWA", **GATE) == "FILTER v4-192-0-2-99-google:"
    yard.once()
    assert yard.world.books.orphans == set()


@pytest.mark.parametrize("state", ["releasing", "holding", "lost", "deferred"])
def test_what_was_being_moved_for_an_address_that_is_gone_goes_through_the_gate_too(yard, state):
    ids = yard.submit(1)
    yard.world.store.execute("UPDATE message SET state = ?", (state,))
    yard.world.store.commit()
    yard.queue.hold, yard.queue.other = {ids[0]: LANE}, {}
    yard = yard.crash(config(addresses=[address("192.0.2.99", "v4-192-0-2-99")]))

    yard.once()

    assert (yard.queue.events, yard.queue.hold) == ([("requeue", tuple(ids))], {})
    assert yard.world.ask(queue_id="NEWA", **GATE) == "FILTER v4-192-0-2-99-google:"
    yard.once()
    assert (yard.world.books.orphans, yard.state(ids[0])) == (set(), None)


@pytest.mark.parametrize("mode", ["suspended", "stopped", "paused"])
def test_a_closed_lane_releases_nothing_and_opens_in_order(yard, mode):
    ids = yard.submit(5)
    yard.world.hands.pass_(86_400)
    yard.lane.reaction = Reaction(mode=mode)
    yard.once()
    assert yard.released == []
    yard.lane.reaction = Reaction()
    yard.once()
    assert yard.released == ids[3:]


def defer(yard, ids):
    for queue_id in ids:
        yard.lane.back(queue_id)
        yard.world.store.execute("UPDATE message SET state = 'deferred' WHERE queue_id = ?", (queue_id,))


def test_deferred_mail_of_a_closed_lane_waits_on_hold_and_then_leaves_first_without_a_token(yard):
    ids = yard.submit(5)
    defer(yard, ids[:2])
    yard.lane.reaction = Reaction(mode="suspended")
    yard.once()
    assert yard.queue.events == [("hold", tuple(ids[:2]))]
    assert (yard.lane.held, yard.lane.account.day) == (4, BUDGET)

    yard.lane.reaction = Reaction()
    yard = yard.crash()
    yard.once()

    assert (yard.released, yard.lane.account.day) == (ids[:2], BUDGET)
    yard.world.hands.pass_(86_400)
    yard.once()
    assert yard.released == [*ids[:2], *ids[3:]]


def test_deferred_mail_that_a_person_put_on_hold_stays_there_when_its_lane_opens_again(yard):
    ids = yard.submit(2)
    defer(yard, ids)
    yard.queue.hold[ids[0]] = yard.queue.other.pop(ids[0])
    yard.lane.reaction = Reaction(mode="suspended")
    yard.once()
    assert [yard.state(it) for it in ids] == ["kept", "held"]
    yard.lane.reaction = Reaction()
    yard.once()
    assert yard.released == ids[1:]


def test_what_a_crash_left_on_hold_before_that_was_written_down_is_released(yard):
    ids = yard.submit(1)
    yard.world.store.execute("UPDATE message SET state = 'holding'")
    yard.queue.hold[ids[0]] = yard.queue.other.pop(ids[0])
    yard.lane.reaction = Reaction(mode="suspended")
    yard.once()
    yard.lane.reaction = Reaction()
    yard.once()
    assert yard.released == ids


def test_paid_mail_that_grew_old_on_hold_takes_no_second_token_at_the_gate(yard):
    ids = yard.submit(3)
    defer(yard, ids[:1])
    yard.lane.reaction = Reaction(mode="suspended")
    yard.once()
    yard.lane.reaction = Reaction()
    age(yard, 432_000)
    yard.once()
    assert yard.queue.events[-1] == ("requeue", (ids[0],))
    assert (yard.world.ask(queue_id="NEWA", **GATE), yard.lane.account.day) == (PASS, BUDGET)


OTHER = "v4-192-0-2-11-google"
TWO = {"addresses": [address(), address("192.0.2.11", "v4-192-0-2-11")]}


@pytest.fixture
def paid(tmp_path):
    """Of two addresses the first has paid for a message that grew old and was taken in anew; the second has more left."""
    yard = Yard(tmp_path, config(**TWO))
    ids = yard.submit(3)
    defer(yard, ids[:1])
    yard.lane.reaction = Reaction(mode="suspended")
    yard.once()
    yard.lane.reaction = Reaction()
    age(yard, 432_000)
    yard.once()
    assert yard.queue.events[-1] == ("requeue", (ids[0],))
    assert (yard.lane.account.day, yard.world.books.lanes[OTHER].account.day) == (2, 1)
    return yard


def test_paid_mail_taken_in_anew_leaves_by_the_address_that_paid(paid):
    assert paid.world.ask(queue_id="NEWA", **GATE) == PASS
    assert (paid.lane.account.day, paid.world.books.lanes[OTHER].account.day) == (2, 1)


def test_paid_mail_taken_in_anew_waits_for_the_address_that_paid(paid):
    paid.lane.reaction = Reaction(mode="suspended")
    assert paid.world.ask(queue_id="NEWA", **GATE) == HOLD
    paid.queue.hold["NEWA"] = HOLD
    paid.lane.reaction = Reaction()
    paid.once()
    assert paid.released == ["NEWA"]
    assert (paid.lane.account.day, paid.world.books.lanes[OTHER].account.day) == (2, 1)


def test_paid_mail_taken_in_anew_is_paid_again_where_it_leaves_if_the_address_that_paid_is_gone(paid):
    yard = paid.crash(config(addresses=TWO["addresses"][1:]))
    assert yard.world.ask(queue_id="NEWA", **GATE) == f"FILTER {OTHER}:"
    assert yard.world.books.lanes[OTHER].account.day == 2


STREAMS = [
    {"name": "receipts", "senders": ["@tx.test"], "users": [], "when_full": "bypass", "after": 600},
    {"name": "alerts", "senders": ["@al.test"], "users": [], "when_full": "overflow", "after": 600},
]


def test_streams_that_waited_long_enough_leave_beyond_the_budget_or_by_the_relay(tmp_path):
    yard = Yard(tmp_path, config(streams=STREAMS, relay="relay-out:x"))
    yard.submit(4)
    receipt, alert = yard.submit(1, 10, sender="a@tx.test"), yard.submit(1, 20, sender="a@al.test")
    yard.once()
    assert yard.queue.events == []
    age(yard, 601)
    yard.once()
    assert yard.queue.events == [("release", tuple(receipt)), ("requeue", tuple(alert))]
    assert yard.lane.account.day == BUDGET + 1
    assert yard.world.books.stats[LANE].bypassed == 1
    assert yard.world.ask(queue_id="NEWA", sender="a@al.test", **GATE) == "FILTER relay-out:x"
    assert yard.world.ask(queue_id="NEWA", sender="a@al.test", **GATE) == "FILTER relay-out:x"


def test_a_bypassing_stream_does_not_leave_by_a_closed_lane(tmp_path):
    yard = Yard(tmp_path, config(streams=STREAMS, relay="relay-out:x"))
    yard.submit(3)
    yard.submit(1, 10, sender="a@tx.test")
    age(yard, 601)
    yard.lane.reaction = Reaction(mode="paused")
    yard.once()
    assert yard.released == []


@pytest.mark.parametrize(("count", "left"), [(2, 5), (7, 0), (100, 0)])
def test_a_person_lets_mail_go_beyond_the_budget(yard, count, left):
    ids = yard.submit(BUDGET + 7)
    yard.release.extra[LANE] = count
    for _ in range(3):
        yard.once()
    assert (yard.released, yard.lane.held) == (ids[BUDGET:][: 7 - left], left)
    assert (yard.lane.account.day, yard.world.books.stats[LANE].bypassed) == (BUDGET + 7 - left, 7 - left)
    yard.once()
    assert yard.release.extra == {}


def test_a_disk_that_refuses_releases_nothing(yard):
    yard.submit(5)
    yard.world.hands.pass_(86_400)
    yard.world.store.execute("CREATE TEMP TRIGGER no BEFORE UPDATE ON message BEGIN SELECT RAISE(FAIL, 'full'); END")
    yard.once()
    assert (yard.released, yard.world.store.stale) == ([], True)
    yard.world.store.execute("DROP TRIGGER no")
    yard.world.books.load()
    yard.once()
    assert len(yard.released) == 2


def test_the_releasing_loop_is_woken_by_held_mail(yard):
    async def life():
        task = asyncio.create_task(yard.release.run())
        await asyncio.sleep(0)
        yard.submit(4)
        yard.world.hands.pass_(86_400)
        yard.release.wake()
        end = time.monotonic() + 10
        while not yard.released and time.monotonic() < end:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(life())
    assert len(yard.released) == 1


def test_a_result_that_comes_while_others_are_still_released_is_kept(yard):
    ids = yard.submit(4)
    yard.world.hands.pass_(86_400)
    release = yard.release._keeper.release

    async def slow(them):
        moved = await release(them)
        defer(yard, them)
        return moved

    yard.release._keeper.release = slow
    yard.once()
    assert yard.state(ids[3]) == "deferred"


@pytest.mark.parametrize("status", ["sent", "deferred"])
def test_a_message_that_had_a_result_while_it_was_put_on_hold_is_not_counted_as_waiting(yard, status):
    ids = yard.submit(1)
    defer(yard, ids)
    yard.lane.reaction = Reaction(mode="suspended")
    hold = yard.release._keeper.hold
    results = Results(yard.world.books, yard.world.store.commit, lambda *_: None)

    async def slow(them):
        moved = await hold(them)
        await results.handle([Delivery(LANE, ids[0], status, "2.0.0", "", 0.0)], "c")
        return moved

    yard.release._keeper.hold = slow
    yard.once()
    yard.lane.reaction = Reaction()

    assert (yard.state(ids[0]), yard.lane.held) == (None if status == "sent" else "lost", 0)
    assert yard.world.ask(queue_id="NEWA") == PASS


def test_mail_is_not_released_beyond_the_budget_when_memory_was_loaded_anew_meanwhile(yard):
    yard.submit(8)
    yard.world.hands.pass_(86_400)
    release = yard.release._keeper.release

    async def meanwhile(them):
        yard.world.books.load()
        return await release(them)

    yard.release._keeper.release = meanwhile
    yard.once()
    yard.once()
    assert (len(yard.released), yard.lane.account.day, yard.crash().lane.account.day) == (BUDGET, BUDGET, BUDGET)


def test_old_mail_that_goes_beyond_the_budget_is_taken_in_anew_and_passed_at_the_gate(yard):
    ids = yard.submit(BUDGET + 1)
    age(yard, 432_000)
    yard.release.extra[LANE] = 1
    yard.once()
    assert yard.queue.events == [("requeue", (ids[BUDGET],))]
    assert yard.world.ask(queue_id="NEWA", **GATE) == PASS
    assert (yard.lane.account.day, yard.world.books.stats[LANE].bypassed) == (BUDGET + 1, 1)
