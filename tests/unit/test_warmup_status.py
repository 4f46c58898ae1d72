"""What agents say is shown whole, at any width, with what is wrong first."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from warmup_agents import NOW, USUAL, lane, status, warm

from postwright.warmup import fleetwide, status_text
from postwright.warmup.table import NARROWEST

WIDTHS = (1, 20, 40, 60, 80, 100, 140, 200)


def joined(*answers, failed=(), chosen=(None, None)):
    """As hosts answer; a host is known by its name in the inventory, whatever it calls itself."""
    return fleetwide.joined({f"mx{at}": [it] for at, it in enumerate(answers, 1)}, dict(failed), chosen)


def shown(*answers, width=140, verbose=False, **options):
    return [it.text for it in status_text.lines(joined(*answers, **options), width, verbose=verbose)]


def row(lines, provider):
    return next(line for line in lines if line[2:].startswith(f"{provider} "))


def test_a_lane_is_told_with_its_budget_and_what_waits():
    busy = lane(used={"hour": 8, "day": 48}, held=1234, oldest_held=NOW - 3 * 3600, outstanding=2)
    busy["today"] = busy["today"] | {"deferred": 7}
    lines = shown(status("mx1", [busy, lane(provider="yahoo", used={"hour": 1, "day": 1}, next="none")]))

    assert "mx1  192.0.2.10  conservative" in lines
    assert row(lines, "google").split()[:9] == ["google", "3/17", "8/10", "48/50", "1,234", "3", "h", "2", "7"]
    assert "paced" in row(lines, "google")


def test_of_an_address_without_a_plan_results_are_told_for_it_takes_no_tokens():
    today = {"attempted": 4711, "delivered": 4700, "deferred": 5, "throttled": 4, "blocked": 2}

    assert row(shown(status("mx1", [warm(today=today)])), "google").split() == ["google", "warm", "4,711", "11", "warm"]


def test_the_fleet_is_summed_up():
    first = status(
        "mx1", [lane(used={"hour": 1, "day": 30}, held=5, oldest_held=NOW - 90), warm(used={"hour": 9, "day": 1000})]
    )
    second = status("mx2", [lane("192.0.2.20", used={"hour": 1, "day": 20}, outstanding=3)])
    lines = shown(first, second, failed={"mx3": "timed out"}, width=200)

    assert (
        "2 of 3 hosts, 3 addresses: 1,050 sent today (50 of 100 on addresses in warm-up), 5 held (the oldest for 1 min), "
        "3 under way, 0 deferred today"
    ) in lines


def test_what_is_wrong_comes_first_and_worst_of_it_at_the_top():
    lanes = [
        lane(provider="apple", mode="slow", until=NOW + 1200, reason="too fast"),
        lane(provider="google", mode="paused", reason="by hand"),
        lane(provider="yahoo", mode="stopped", reason="553 5.7.1 [BL21]", held=17),
        lane(provider="outlook", mode="suspended", until=NOW + 86_400, reason="S3150"),
    ]
    lines = shown(
        status("mx1", lanes, problems=["disk is full"], unknown_held=3), failed={"mx2": "timed out"}, width=250
    )
    resume = "`postwright warmup resume --address 192.0.2.10 --provider"

    assert lines[:7] == [
        "✗ mx2: timed out",
        "✗ mx1: disk is full",
        f"✗ mx1 192.0.2.10 yahoo: stopped: 553 5.7.1 [BL21]; 17 held; {resume} yahoo` opens it",
        "✗ mx1 192.0.2.10 outlook: suspended until 2026-11-23 12:00 UTC: S3150",
        f"! mx1 192.0.2.10 google: paused: by hand; {resume} google` opens it",
        "! mx1 192.0.2.10 apple: slow until 12:20 UTC: too fast",
        "! mx1: 3 messages on hold that the agent did not put there; it never touches them; see `postqueue -p` there",
    ]


def test_lanes_that_are_shut_together_are_told_together():
    lanes = [lane(provider=name, mode="paused", reason="by hand", held=2) for name in ("google", "yahoo", "apple")]
    [first, second, *_] = shown(
        status("mx1", [*lanes, lane(provider="other", mode="paused", reason="else")]), width=250
    )

    assert first == (
        "! mx1 192.0.2.10 google, yahoo, apple: paused: by hand; 6 held; "
        "`postwright warmup resume --address 192.0.2.10` opens all that is shut there"
    )
    assert second.startswith("! mx1 192.0.2.10 other: paused: else; ")


def test_a_sound_fleet_begins_with_its_sums():
    assert shown(status("mx1", [lane()]))[0].startswith("1 host, 1 address: 0 sent today")


def test_idle_lanes_share_a_line_unless_asked_for():
    lanes = [lane(provider=name) for name in USUAL]
    lanes[0] = lane(used={"hour": 1, "day": 1})
    short, long = (shown(status("mx1", lanes), width=200, verbose=verbose) for verbose in (False, True))

    assert row(short, "8 idle").endswith("microsoft365, outlook, yahoo, apple, proofpoint, mimecast, other, unknown")
    assert all(row(long, name) for name in USUAL)


def test_idle_lanes_with_other_budgets_are_told_apart():
    lanes = [*(lane(provider=name) for name in USUAL), *(warm("192.0.2.10", f"x{name}") for name in USUAL)]
    lines = shown(status("mx1", lanes))

    assert [line.split()[:3] for line in lines if " idle " in line] == [["9", "idle", "3/17"], ["9", "idle", "warm"]]


def test_what_comes_next_for_most_is_told_once():
    lanes = [lane(provider=name, used={"hour": 1, "day": 1}) for name in USUAL]
    lanes[3] |= {"next": "stays: 4 of 50 bounced"}
    lines = shown(status("mx1", lanes))

    assert sum("stage 4, if 45 are sent" in line for line in lines) == 1
    assert row(lines, "yahoo").endswith("next: stays: 4 of 50 bounced")


def test_a_lane_without_a_next_step_is_not_taken_for_one_that_has():
    lanes = [lane(), lane(provider="yahoo"), lane(provider="apple", next=None, used={"hour": 1, "day": 1})]

    assert row(shown(status("mx1", lanes)), "apple").endswith("next: nothing by itself")


def test_budgets_of_domains_are_told():
    budget = lane("", used={"hour": 10, "day": 90}, limits={"hour": 20, "day": 100}) | {"domain": "example.com"}
    lines = shown(status("mx1", [lane()], domains=[budget]))

    assert "mx1  budgets of domains" in lines
    assert row(lines, "example.com google").split()[:5] == ["example.com", "google", "3/17", "10/20", "90/100"]


def test_decisions_are_told_with_their_reasons_if_asked_for():
    decision = {"at": NOW - 60, "lane": "v4-192-0-2-10-google", "what": "stage 3", "reason": "48 of 50 used"}
    answer = status("mx1", [lane()], decisions=[decision])

    assert shown(answer, verbose=True)[-1] == "  11:59 UTC  v4-192-0-2-10-google  stage 3: 48 of 50 used"
    assert "48 of 50 used" not in "\n".join(shown(answer))


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        ((None, "google"), {"192.0.2.10 google", "192.0.2.11 google"}),
        (("192.0.2.10", None), {"192.0.2.10 google", "192.0.2.10 yahoo"}),
        (("192.0.2.10", "yahoo"), {"192.0.2.10 yahoo"}),
    ],
)
def test_only_what_was_asked_for_is_told_to_people_and_programs(chosen, left):
    found = joined(status("mx1", [lane(), lane(provider="yahoo"), warm()]), chosen=chosen)

    assert {f"{it.address} {it.provider}" for it in found.lanes} == left
    assert {f"{it['address']} {it['provider']}" for it in found.to_json()["hosts"]["mx1"]["lanes"]} == left


def test_programs_get_sums_problems_and_all_that_agents_said():
    answer = status("mx1", [lane(used={"hour": 1, "day": 9}, mode="stopped", reason="listed")])
    found = joined(answer, failed={"mx2": "timed out"}).to_json()

    assert found["totals"]["sent_today"] == 9
    assert found["totals"]["in_trouble"] == 1
    assert found["failed"] == {"mx2": "timed out"}
    assert found["problems"][0] == "✗ mx2: timed out"
    assert found["hosts"]["mx1"] == answer


def test_a_reply_of_a_stranger_cannot_steer_the_terminal():
    evil = lane(mode="stopped", reason="550 \x1b]0;owned\x07\x9b2J\nnext line", provider="yahoo\x1b[31m")
    text = "\n".join(shown(status("mx1", [evil]), verbose=True))

    assert all(it.isprintable() or it == "\n" for it in text)
    assert "\\x1b]0;owned" in text


text = st.text(max_size=60) | st.sampled_from(["", "google", "stage 4, if 45 are sent today", "192.0.2.10", "paused"])
count = st.none() | st.integers(0, 10**12)
moments = st.none() | st.floats(0, 4e9) | st.integers(0, 2**40)
pairs = st.fixed_dictionaries({"hour": count, "day": count})
lanes = st.fixed_dictionaries(
    {
        "lane": text, "address": st.none() | text, "provider": text, "plan": st.none() | text,
        "stage": st.integers(1, 99) | st.just("warm"), "stages": count, "limits": pairs, "used": pairs, "held": count,
        "oldest_held": moments, "outstanding": count, "today": st.dictionaries(text, count, max_size=6),
        "mode": st.sampled_from(["normal", "slow", "suspended", "recovering", "stopped", "paused"]) | text,
        "until": moments, "reason": st.none() | text, "next": st.none() | text,
    }
)  # fmt: skip
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=10,
)
decisions = st.fixed_dictionaries({"at": moments, "lane": text, "what": text, "reason": text})
documents = st.fixed_dictionaries(
    {
        "host": text, "now": st.floats(0, 4e9), "clock": st.dictionaries(text, junk, max_size=2),
        "lanes": st.lists(lanes, max_size=12), "domains": st.lists(lanes, max_size=3),
        "decisions": st.lists(decisions, max_size=5), "unknown_held": count, "problems": st.lists(text, max_size=3),
    }
)  # fmt: skip


def check_printable(answer, width, *, verbose):
    for it in status_text.lines(joined(answer, failed={"mx2": "x" * 50}), width, verbose=verbose):
        assert len(it.text) <= max(width, NARROWEST)
        assert it.text.isprintable()


@given(documents, st.sampled_from(WIDTHS) | st.integers(-5, 400), st.booleans())
def test_every_status_an_agent_can_give_fits_any_width(answer, width, verbose):
    check_printable(answer, width, verbose=verbose)


@given(st.data(), st.sampled_from(WIDTHS))
def test_a_status_of_an_agent_of_another_version_is_shown_as_far_as_it_goes(data, width):
    answer = data.draw(documents)
    for key in data.draw(st.lists(st.sampled_from(sorted(set(answer) - {"host"})), max_size=4)):
        answer[key] = data.draw(junk)
    if isinstance(answer["lanes"], list) and answer["lanes"] and isinstance(answer["lanes"][0], dict):
        answer["lanes"][0] = {key: data.draw(junk) for key in answer["lanes"][0]}

    check_printable(answer, width, verbose=True)


@given(documents)
def test_nothing_that_is_held_is_left_out_of_the_sums(answer):
    held = [it["held"] or 0 for it in answer["lanes"]]

    assert joined(answer).totals()["held"] == sum(held)


def test_numbers_that_are_none_are_not_counted():
    odd = lane(held=math.nan, used={"hour": math.inf, "day": -5}, outstanding=True, oldest_held="x")

    assert joined(status("mx1", [odd])).totals()["held"] == 0


def test_an_address_says_its_pool_and_whose_mail_leaves_from_it():
    own = lane("192.0.2.10", pool="default", streams=["receipts"])
    news = warm("192.0.2.11", pool="news", streams=["promo", "crm"])
    lines = shown(status("mx1", [own, news, warm("192.0.2.12", pool="default", streams=[])]))

    assert "mx1  192.0.2.10  conservative  pool default (receipts)" in lines
    assert "mx1  192.0.2.11  warm  pool news (promo, crm)" in lines
    assert "mx1  192.0.2.12  warm" in lines


def test_an_address_that_is_not_on_the_host_is_told_first():
    lines = shown(status("mx1", [lane(mode="absent", reason="its address is not on the host", held=2)]), width=200)
    assert lines[0] == "✗ mx1 192.0.2.10 google: absent: its address is not on the host; 2 held"
