"""Providers that answer with their real 4xx texts: a paced host stops knocking and finds its way back; a stock Postfix does not stop.

The control is the very same host before it was made to pace its mail, under the same letters and the same providers.
"""

import time
from collections import Counter

import pytest
from paced import paced
from posting import missing, twice
from providers_of_mail import DEFERRED_TSS04, KNOWN, REPUTATION, UNUSUAL_RATE

pytestmark = pytest.mark.lab

LAB, HOST = "lab6", "mx3"
ANSWERS = {
    "google": {"texts": [UNUSUAL_RATE], "at": "end"},
    "microsoft365": {"texts": [REPUTATION], "at": "rcpt"},
    "yahoo": {"texts": [DEFERRED_TSS04], "at": "mail"},
}
TAKES = 5  # messages a minute; the rest gets an answer
ROUNDS, LETTERS = 20, 5  # what an application sends: rounds, letters in each to each provider
FEW = 5  # times fewer attempts turned away than by a stock Postfix, at least
STEP, PATIENCE = 120, 90.0  # seconds: of the moved clock, of the test


@pytest.fixture(scope="module")
def host(operator):
    made = paced(operator)
    yield made
    made.post.hang_up()


def trouble(host, between):
    """Send under providers that soon have enough; (provider → attempts turned away), and the letters.

    Between two rounds ``between`` is waited for, so that what is counted does not depend on the machine's speed.
    """
    for name, answer in ANSWERS.items():
        host.providers.behave(name, per_minute=TAKES, **answer)
    before, first = len(host.providers.attempts()), len(host.post.letters)
    for _ in range(ROUNDS):
        for name in ANSWERS:
            host.post.send(KNOWN[name].domain, LETTERS)
        between()
    attempts = host.providers.attempts()[before:]
    away = {name: sum(it["provider"] == name and not it["taken"] for it in attempts) for name in ANSWERS}
    return away, host.post.letters[first:]


def relent(host, letters):
    """The providers take all mail again, and time goes by until all is delivered."""
    for name in ANSWERS:
        host.providers.behave(name)
    deadline = time.monotonic() + PATIENCE
    while left := missing(letters, host.providers.attempts()):
        assert time.monotonic() < deadline, f"{len(left)} were not delivered\n{host.story()}"
        host.move_by(STEP)
        host.operator.on_host("postqueue -f")  # Postfix's own clock is not moved
        host.wait_until_tried()


@pytest.fixture(scope="module")
def stock(host):
    """What became of it before the host paced its mail."""
    host.apply("stock")
    away, letters = trouble(host, host.wait_until_tried)
    relent(host, letters)
    return away


@pytest.fixture(scope="module")
def ours(host, stock):  # noqa: ARG001 - the control comes first
    host.apply("ours", {})
    return trouble(host, host.wait_until_told)


def test_it_stops_knocking_where_a_stock_postfix_tries_every_message(host, stock, ours):
    away, _ = ours
    modes = {name: lane["mode"] for (ip, name), lane in host.lanes().items() if ip == host.addresses[0]}
    for name in ANSWERS:
        print(f"{name}: turned away {stock[name]} times by stock Postfix, {away[name]} times when paced; {modes[name]}")  # noqa: T201

    assert all(stock[name] >= ROUNDS * LETTERS - 2 * TAKES for name in ANSWERS)
    assert all(0 < FEW * away[name] <= stock[name] for name in ANSWERS)
    assert all(modes[name] != "normal" for name in ANSWERS)
    assert modes["other"] == "normal"


def test_google_is_asked_with_one_message_after_ten_minutes_and_then_rested_again(host, ours):  # noqa: ARG001
    host.providers.behave("google", per_minute=0, **ANSWERS["google"])
    before = len(host.providers.attempts())
    host.move_by(660)
    host.providers.wait_until(lambda attempts: set(host.addresses) <= asked(attempts[before:]).keys())
    host.wait_until_told()
    host.move_by(300)
    host.wait_until_told()

    assert asked(host.providers.attempts()[before:]) == dict.fromkeys(host.addresses, 1)


def asked(attempts):
    """Address → how many different letters it tried to deliver to Google; Postfix tries each of its hosts."""
    return Counter(
        client for client, _ in {(it["client"], it["token"]) for it in attempts if it["provider"] == "google"}
    )


def test_it_recovers_and_every_letter_arrives_once(host, ours):
    _, letters = ours
    relent(host, letters)
    attempts = host.providers.attempts()

    assert missing(letters, attempts) == []
    assert twice(attempts) == {}
    assert host.queued()["hold"] == 0
