"""Checks run side by side: a host that is slow keeps its own waiting only, and whoever guesses passwords comes last."""

from threading import Event
from types import SimpleNamespace

import pytest
from support import another_host, host_data, project

from postwright.checks.answers import outcome
from postwright.checks.side_by_side import AT_ONCE, FIRST, SideBySide, in_turn, place_of
from postwright.checks.unknown import UnknownError


@pytest.fixture
def hosts(tmp_path):
    return project(tmp_path, host_data(), another_host()).fleet.hosts


@pytest.fixture
def ended():
    """What was told: the name of each check in the order they ended, with its outcome."""
    return []


@pytest.fixture
def running(ended):
    return SideBySide(lambda item, how: ended.append((item.name, outcome(how.error))), 2)


def check(name, call, host=None, marker="", first=lambda: None):
    """What pytest hands over of a check that is prepared."""
    return SimpleNamespace(
        name=name,
        funcargs={"host": host, "request": object()},
        _fixtureinfo=SimpleNamespace(argnames=("host",)),
        stash={FIRST: first},
        callspec=SimpleNamespace(params={"mail_host": host}),
        obj=lambda host: call(),  # noqa: ARG005 - as pytest names it
        get_closest_marker=lambda asked: asked == marker,
    )


def test_a_host_that_is_slow_keeps_only_its_own_checks_waiting(hosts, running, ended):
    slow, other = hosts
    answered, quick = Event(), Event()
    for number in range(3 * AT_ONCE):
        running.begin(check(f"slow {number}", lambda: answered.wait(60), slow))

    running.begin(check("quick", quick.set, other))
    assert quick.wait(60)

    answered.set()
    running.end()
    assert len(ended) == 3 * AT_ONCE + 1


def test_no_more_checks_of_a_host_run_than_its_connection_serves(hosts, running):
    now, seen = [], []

    def call():
        now.append(1)
        seen.append(len(now))
        Event().wait(0.02)
        now.pop()

    for number in range(4 * AT_ONCE):
        running.begin(check(str(number), call, hosts[0]))
    running.end()

    assert max(seen) <= AT_ONCE


def test_who_guesses_a_password_comes_after_all_that_log_in(hosts, running, ended):
    free = Event()
    guess = check("guess", lambda: None, hosts[0], "guesses")
    login = check("login", lambda: free.wait(60), hosts[0], "logs_in")
    other = check("other", free.set, hosts[0])

    for item in in_turn([guess, other, login]):
        running.begin(item)
    running.end()

    assert [name for name, _ in ended if name != "other"] == ["login", "guess"]


def test_who_guesses_on_another_host_does_not_wait(hosts, running, ended):
    free = Event()

    def wait_for_the_other():
        assert free.wait(20)

    running.begin(check("login", wait_for_the_other, hosts[0], "logs_in"))
    running.begin(check("guess", free.set, hosts[1], "guesses"))
    running.end()

    assert sorted(ended) == [("guess", "ok"), ("login", "ok")]


def test_what_a_check_raises_is_its_outcome(running, ended):
    def unknown():
        raise UnknownError

    calls = {"skipped": lambda: pytest.skip("x"), "failed": lambda: pytest.fail("x"), "unknown": unknown, "ok": int}
    for name, call in calls.items():
        running.begin(check(name, call))
    running.begin(check("skipped", pytest.fail, first=calls["skipped"]))
    running.end()

    assert sorted(ended) == sorted([*((name, name) for name in calls), ("skipped", "skipped")])


def test_the_place_of_a_check_is_its_host(hosts):
    host = hosts[1]

    assert place_of({"mail_host": host, "setting": "465"}) == "mx2"
    assert place_of({"address": (host, host.addresses[0])}) == "mx2"
    assert place_of({"domain": "example.com"}) == ""
