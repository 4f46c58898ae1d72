"""An agent that is killed at any moment under load: budgets stay exact, answers repeat, no message is lost or sent twice."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pacing_tools import HOLD, PASS, V4, KeeperSocket, Process, Queue, control, patiently, plan, wait_for, write_config

BUDGET, DAYS, CLIENTS = 30, 4, 8
MESSAGES = BUDGET * DAYS
KILLS = 5  # a day


class Mailer:
    """What the smtpd processes of a host do with the answers: send, or put into the hold queue with the lane."""

    def __init__(self, base, keeper):
        self.path, self.keeper, self.queue = base / "policy.sock", keeper, keeper.queue
        self.answers = {}

    def submit(self, number):
        queue_id = f"4cAb{number:08d}z7"
        answer = patiently(self.path, queue_id=queue_id)
        assert answer in (PASS, HOLD)
        self.answers[queue_id] = answer
        self.keeper.put(queue_id, self.queue.other if answer == PASS else self.queue.hold, f"{V4}-google:")

    @property
    def sent(self):
        """Passed or released."""
        return len(self.queue.other)


@pytest.fixture
def mailer(tmp_path):
    keeper = KeeperSocket(tmp_path / "keeper.sock", Queue())
    yield Mailer(tmp_path, keeper)
    keeper.close()


@pytest.fixture
def process(tmp_path, mailer):  # noqa: ARG001 - the keeper is there first
    write_config(tmp_path, plans={"small": plan([BUDGET], after="stay")}, lab_clock=str(tmp_path / "clock"))
    made = Process(tmp_path)
    yield made
    made.kill()


def kill_at_random(process, seed, count):
    """Kill and start it again, at moments of no pattern."""
    dice = random.Random(seed)
    for _ in range(count):
        time.sleep(dice.uniform(0.15, 0.6))
        process.kill()
        process.start()


def test_a_killed_agent_keeps_budgets_exact_repeats_its_answers_and_loses_nothing(tmp_path, process, mailer):
    killer = threading.Thread(target=kill_at_random, args=(process, 1, KILLS))
    killer.start()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(mailer.submit, range(MESSAGES)))
    killer.join()

    assert mailer.sent == list(mailer.answers.values()).count(PASS) == BUDGET
    for queue_id, answer in mailer.answers.items():
        assert patiently(mailer.path, queue_id=queue_id) == answer

    for day in range(1, DAYS):
        (tmp_path / "clock").write_text(str(day * 86_400))
        kill_at_random(process, day, KILLS)
        wait_for(lambda day=day: mailer.sent >= BUDGET * (day + 1))
        assert mailer.sent == BUDGET * (day + 1)

    assert mailer.queue.hold == {}
    released = [it for what, ids in mailer.queue.events for it in ids if what == "release"]
    assert set(released) == {it for it, answer in mailer.answers.items() if answer == HOLD}
    lanes = {it["lane"]: it for it in control(tmp_path / "control.sock", do="status")["lanes"]}
    assert (lanes[f"{V4}-google"]["used"]["day"], lanes[f"{V4}-google"]["held"]) == (BUDGET, 0)


def test_an_agent_that_is_told_to_end_has_answered_and_written_everything(process, mailer):
    for number in range(BUDGET + 2):
        mailer.submit(number)

    assert process.stop() == 0

    process.start()
    assert [patiently(mailer.path, queue_id=it) for it in mailer.answers] == [PASS] * BUDGET + [HOLD] * 2
