"""A ten-day plan on two addresses and three providers, with more mail than budget every day: what leaves is the plan, to the letter.

POSTWRIGHT_PACING_RUNS says how many days something is killed on, at a random moment; the few of the ordinary suite show
that it is looked for, `make prove-pacing` runs 51. The same seed kills at the same moments of the test's own time.
"""

import os
import random
from collections import Counter
from itertools import cycle

import pytest
from paced import START, STEP, paced
from posting import disorder, missing, per_lane, twice

pytestmark = pytest.mark.lab

LAB, HOST = "lab3", "mx3"
STAGES = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20)
NAMES = ("google", "microsoft365", "yahoo")
DOMAINS = ("workspace-customer.test", "m365-customer.test", "yahoo-user.test")
MORE = 4  # letters a day and provider that no budget is for
RUNS = int(os.environ.get("POSTWRIGHT_PACING_RUNS", "6"))
SEED = int(os.environ.get("POSTWRIGHT_PACING_SEED", "5"))
SAID = {
    "plans": {"trial": {"unit": "day", "stages": list(STAGES), "hour_share": 0.5, "after": "stay"}},
    "providers": {name: {"connections": 1} for name in NAMES},  # strict order, to the letter
}


class Course:
    """Day after day of the plan; from the 11th on it begins anew."""

    def __init__(self, host):
        self.host, self.day = host, 0

    def pass_day(self, kill=None, moment=0.0):
        """A day with new mail, whatever is killed in it: what each lane delivered in its first hour and in all of it."""
        before = len(self.host.providers.attempts())
        self._begin()
        timer = self.host.after(moment, kill) if kill else None
        for domain in DOMAINS:
            self.host.post.send(domain, 2 * STAGES[self.day % len(STAGES)] + MORE)
        self.host.settle()
        first = per_lane(self.host.providers.attempts()[before:])
        self.host.move_to(self.day, STEP)
        if timer:
            timer.join()
        self.host.settle()
        self.day += 1
        return first, per_lane(self.host.providers.attempts()[before:])

    def planned(self, day):
        """What ``pass_day`` is to be on that day; an hour may use half of it, rounded up."""
        stage, lanes = STAGES[day % len(STAGES)], [(ip, name) for ip in self.host.addresses for name in NAMES]
        return Counter(dict.fromkeys(lanes, (stage + 1) // 2)), Counter(dict.fromkeys(lanes, stage))

    def _begin(self):
        """Morning. Nothing may leave before the plan of a new course stands at its begin."""
        anew = self.day and self.day % len(STAGES) == 0
        if anew:
            self.host.ask(do="pause", address=None, provider=None, reason="a new course", until=None)
        self.host.move_to(self.day)
        if anew:
            self.host.settle()
            for name in NAMES:
                for address in self.host.addresses:
                    self.host.ask(do="set", address=address, provider=name, stage=1)
            self.host.ask(do="resume", address=None, provider=None, reason="a new course", until=None)

    def let_all_go(self):
        """No limit any more, until nothing is left."""
        for name in NAMES:
            for address in self.host.addresses:
                self.host.ask(do="set", address=address, provider=name, stage="warm")
        self.host.settle()


@pytest.fixture(scope="module")
def course(operator):
    host = paced(operator)
    host.move_to(0)
    host.apply("trial", SAID, {"plan": "trial", "start": START})
    yield Course(host)
    host.post.hang_up()


def test_each_day_delivers_the_plan_to_the_letter_and_each_lane_in_order_of_arrival(course):
    days = [course.pass_day() for _ in STAGES]
    attempts = course.host.providers.attempts()

    assert days == [course.planned(day) for day in range(len(STAGES))]
    assert disorder(course.host.post.letters, attempts) == []
    assert twice(attempts) == {}
    assert all(it["signed"] for it in attempts)


# A client that is cut off before the host's answer may have cost a token. It comes back after minutes; the days here are shorter.
def test_it_stays_exact_when_agent_postfix_and_host_are_killed_at_random_moments(course):
    chance, host = random.Random(SEED), course.host
    kills = cycle((host.kill_agent, host.kill_postfix, host.kill_host))
    first = course.day
    days = [course.pass_day(next(kills), chance.uniform(0, 3))[1] for _ in range(RUNS)]
    planned = [course.planned(first + day)[1] for day in range(RUNS)]
    fewer = sum((should - was).total() for was, should in zip(days, planned, strict=True))
    course.let_all_go()
    attempts = host.providers.attempts()
    doubled = sum(map(len, twice(attempts).values()))
    print(f"{RUNS} kills: {fewer} fewer than planned, of {host.post.unanswered} cut off; {doubled} doubled by Postfix")  # noqa: T201

    assert all(was <= should for was, should in zip(days, planned, strict=True))
    assert fewer <= host.post.unanswered
    assert missing(host.post.letters, attempts) == []
    assert twice(attempts).keys() <= {"smtp"}
    assert host.queued()["hold"] == 0
