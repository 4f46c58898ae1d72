"""The clock gives whole seconds in UTC, and can be moved for domains of a lab only."""

from datetime import UTC, datetime, timedelta

import pytest

from postwright import clock
from postwright.errors import UsageError


@pytest.fixture(autouse=True)
def real(monkeypatch):
    monkeypatch.delenv(clock.VARIABLE, raising=False)


def test_a_moment_is_the_same_after_it_was_written_and_read_back():
    moment = clock.now()
    assert datetime.fromisoformat(moment.isoformat()) == moment
    assert (moment.tzinfo, moment.microsecond) == (UTC, 0)


@pytest.mark.parametrize("seconds", [0, 86400 * 400, -3600])
def test_a_moved_clock_is_as_far_off_as_it_was_moved(monkeypatch, seconds):
    before = clock.now()
    monkeypatch.setenv(clock.VARIABLE, str(seconds))
    assert before + timedelta(seconds=seconds) <= clock.now() <= before + timedelta(seconds=seconds + 60)
    assert clock.moved_by() == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["x", "1.5", "1d", "9" * 30, " "])
def test_what_is_no_number_of_seconds_is_refused(monkeypatch, text):
    monkeypatch.setenv(clock.VARIABLE, text)
    with pytest.raises(UsageError, match=r"POSTWRIGHT_LAB_CLOCK is .*; set it to a number of seconds, or unset it"):
        clock.now()


def test_an_empty_variable_moves_nothing(monkeypatch):
    monkeypatch.setenv(clock.VARIABLE, "")
    assert clock.moved_by() == timedelta()


def test_a_moved_clock_is_refused_for_a_domain_of_the_real_world(monkeypatch):
    monkeypatch.setenv(clock.VARIABLE, "60")
    clock.require_real(["shop.test", "a.b.test"])
    for name in ("example.com", "test.example", "atest"):
        with pytest.raises(UsageError, match=f"{name} is no domain of a lab"):
            clock.require_real(["shop.test", name])


def test_a_clock_that_is_right_is_fine_for_all():
    clock.require_real(["example.com"])
