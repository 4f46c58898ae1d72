"""The rate budget: never more calls in a window than allowed, one patience for all threads."""

from threading import Thread

import pytest

from postwright.dns.providers.cloudflare import budget
from postwright.dns.providers.cloudflare.budget import PATIENCE, WINDOW, Budget


class Time:
    """Stands still unless somebody sleeps."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def budget(self, limit, **given):
        return Budget(limit, clock=lambda: self.now, sleep=self.sleep, **given)


def test_calls_within_the_limit_never_wait():
    time = Time()
    limited = time.budget(3)
    for _ in range(3):
        limited.take()
    assert time.slept == []


def test_the_call_over_the_limit_waits_until_the_first_leaves_the_window():
    time = Time()
    limited = time.budget(3)
    for _ in range(3):
        limited.take()
        time.now += 10
    limited.take()
    assert time.slept == [WINDOW - 30]


def test_no_window_ever_holds_more_than_the_limit():
    time = Time()
    limited = time.budget(5)
    starts = []
    for number in range(60):
        limited.take()
        starts.append(time.now)
        time.now += number % 7
    for start in starts:
        assert sum(start <= other < start + WINDOW for other in starts) <= 5


def test_a_wait_is_told():
    time, told = Time(), []
    limited = time.budget(1, waiting=told.append)
    limited.take()
    limited.take()
    assert told == [WINDOW]


def test_a_hold_stops_the_next_call_for_as_long_as_the_server_asked():
    time = Time()
    limited = time.budget(10)
    assert limited.hold(30)
    limited.take()
    assert time.slept == [30]


def test_threads_told_the_same_wait_spend_the_patience_once():
    time = Time()
    limited = time.budget(10)
    assert all(limited.hold(300) for _ in range(8))


def test_patience_ends():
    time = Time()
    limited = time.budget(10)
    holds = 0
    while limited.hold(300):
        limited.take()
        holds += 1
    assert holds == PATIENCE // 300
    assert sum(time.slept) == PATIENCE


def test_providers_with_one_token_share_one_budget_and_the_smaller_limit_holds():
    first, second = budget.shared("unit-a", 1000), budget.shared("unit-a", 400)
    assert first is second
    assert first.limit == 400
    assert budget.shared("unit-b", 1000) is not first


def test_no_budget_shows_its_token():
    budget.shared("unit-secret", 10)
    assert "unit-secret" not in repr(budget._shared)


def test_threads_together_stay_within_the_limit():
    time = Time()
    limited = time.budget(50)
    threads = [Thread(target=lambda: [limited.take() for _ in range(10)]) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.slept == []
    limited.take()
    assert time.slept == [WINDOW]


@pytest.mark.parametrize("before", [0, 3, 10, 25])
@pytest.mark.parametrize("calls", [1, 9, 10, 11, 45])
def test_the_forecast_is_what_is_then_waited(before, calls):
    time = Time()
    limited = time.budget(10)
    for _ in range(before):
        limited.take()
        time.now += 7
    foreseen, start = limited.forecast(calls), time.now
    for _ in range(calls):
        limited.take()
    assert time.now - start == pytest.approx(foreseen)


def test_a_forecast_takes_nothing_and_knows_of_a_hold():
    time = Time()
    limited = time.budget(10)
    limited.hold(120)
    assert [limited.forecast(0), limited.forecast(10), limited.forecast(11)] == [0, 120, 420]
    assert limited.forecast(10) == 120


def test_threads_that_wait_for_the_same_moment_are_told_of_once():
    time, heard = Time(), []
    limited = time.budget(1, waiting=heard.append)
    limited.take()
    limited.sleep = lambda _: None
    pauses = iter([WINDOW, WINDOW, 0])
    limited._take_or_wait = lambda: next(pauses)
    limited.take()
    assert heard == [WINDOW]
