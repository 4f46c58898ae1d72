"""A lane slows, suspends, recovers and stops as the rule says; nothing but time or a person ever opens it again."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.pacing.reactions import Reaction, at, on_reply, on_success, paused, resumed
from postwright.pacing.replies import RULES, Effect, Rule

NOW = 1_800_000_000.0
BY_ID = {rule.id: rule for rule in RULES}
NORMAL = Reaction()
ACTIVE = [rule for rule in RULES if rule.effect]


def rule(do, rule_id="r", **effect):
    return Rule(rule_id, None, ".", "550 sample", "rate", Effect(do, **effect), "test")


SLOW = rule("slow", "slow", duration=600, per_minute=10, in_flight=2)
SUSPEND = rule("suspend", "suspend", duration=1800)
RECOVER = rule("recover", "recover", duration=600, in_flight=1)
STOP = rule("stop", "stop")

rules = st.sampled_from([SLOW, SUSPEND, RECOVER, STOP, *ACTIVE])
gaps = st.floats(0, 10_000)
events = st.lists(st.tuples(gaps, rules | st.just("success") | st.just("tick") | st.just("pause")), max_size=40)


def step(reaction, event, now, connections=5):
    if event == "success":
        return on_success(reaction, now, connections)
    if event == "tick":
        return at(reaction, now)
    if event == "pause":
        return paused(reaction, "work on the network", now + 3600)
    return on_reply(reaction, event, now)[0]


def states(history, start=NORMAL, connections=5):
    """(time, event, before, after) of each event."""
    now, reaction = NOW, start
    for gap, event in history:
        now += gap
        before, reaction = reaction, step(reaction, event, now, connections)
        yield now, event, before, reaction


def after(*replies, start=NORMAL, now=NOW):
    for reply in replies:
        start, _ = on_reply(start, reply, now)
    return start


def test_a_slow_lane_is_open_within_its_limits_and_ends_in_time():
    slow, reason = on_reply(Reaction(), SLOW, NOW)

    assert (slow.mode, slow.open, slow.per_minute, slow.in_flight, slow.until) == ("slow", True, 10, 2, NOW + 600)
    assert reason == "slow: at most 10 a minute and 2 at once for 10 min"
    assert at(slow, NOW + 599) == slow
    assert at(slow, NOW + 600).mode == "normal"


def test_two_slow_replies_leave_the_stricter_limits_and_the_later_end():
    other = rule("slow", "other", duration=60, per_minute=1)

    both = after(SLOW, other)

    assert (both.per_minute, both.in_flight, both.until) == (1, 2, NOW + 600)


def test_a_suspended_lane_is_shut_until_its_time_and_then_normal():
    shut, reason = on_reply(Reaction(), SUSPEND, NOW)

    assert (shut.mode, shut.open, shut.until) == ("suspended", False, NOW + 1800)
    assert reason == "suspend: nothing for 30 min"
    assert not at(shut, NOW + 1799).open
    assert at(shut, NOW + 1800) == Reaction()


def test_an_effect_waits_for_its_number_of_hits_within_its_time():
    third = rule("suspend", hits=3, within=3600, duration=60)

    two = after(third, third)
    late, nothing = on_reply(two, third, NOW + 3600)
    shut, reason = on_reply(two, third, NOW + 3599)

    assert (two.mode, late.mode, nothing) == ("normal", "normal", "")
    assert (shut.mode, shut.hits) == ("suspended", ())
    assert reason


def test_hits_of_one_rule_do_not_count_for_another():
    one, other = rule("stop", "one", hits=2), rule("stop", "other", hits=2)

    assert after(one, other).mode == "normal"
    assert after(one, other, one).mode == "stopped"


def test_hits_from_the_future_do_not_count_after_the_clock_was_set_back():
    twice = rule("stop", hits=2)

    assert after(twice, start=after(twice, now=NOW + 10**6)).mode == "normal"


def test_gmails_recovery_waits_tries_one_connection_and_adds_one_at_a_time():
    gmail = BY_ID["google-rate-address"]
    shut = after(gmail)
    trying = at(shut, NOW + 600)

    widths = [trying.in_flight]
    lane = trying
    while lane.mode == "recovering":
        lane = on_success(lane, NOW + 601, 5)
        widths.append(lane.in_flight)

    assert widths == [1] * 5 + [2] * 5 + [3] * 5 + [4] * 5 + [5] * 5 + [None]
    assert (shut.open, shut.until, trying.mode) == (False, NOW + 600, "recovering")
    assert lane == Reaction()


def test_a_recovery_that_fails_waits_ten_more_minutes_and_begins_again():
    trying = at(after(RECOVER), NOW + 600)
    wider = on_success(trying, NOW + 601, 5)
    failed, reason = on_reply(replace(wider, in_flight=3), RECOVER, NOW + 700)

    assert (failed.mode, failed.until) == ("suspended", NOW + 1300)
    assert "nothing for 10 min" in reason
    assert at(failed, NOW + 1300).in_flight == 1


def test_any_reply_with_an_effect_fails_a_recovery_at_its_first_hit():
    trying = at(after(RECOVER), NOW + 600)
    seldom = rule("slow", hits=5, duration=60, per_minute=1)

    failed, reason = on_reply(trying, seldom, NOW + 700)

    assert (failed.mode, failed.until) == ("suspended", NOW + 1300)
    assert reason == "r: the recovery failed, nothing for 10 min"


def test_a_lane_that_was_slow_comes_back_from_a_suspension_by_one_connection():
    back = at(after(SLOW, SUSPEND), NOW + 1800)

    assert (back.mode, back.in_flight) == ("recovering", 1)


def test_two_suspensions_last_as_long_as_the_longer_and_a_short_one_shortens_nothing():
    short = rule("suspend", "short", duration=10)

    assert after(SUSPEND, short).until == after(short, SUSPEND).until == NOW + 1800
    assert on_reply(after(SUSPEND), SUSPEND, NOW + 100)[0].until == NOW + 1900


def test_a_further_reply_that_changes_nothing_gives_no_reason():
    shut = after(SUSPEND)

    assert on_reply(shut, SUSPEND, NOW + 1)[1] == ""
    assert on_reply(after(STOP), STOP, NOW + 1) == (after(STOP), "")
    assert on_reply(after(SLOW), SLOW, NOW + 1)[1] == ""


def test_a_rule_without_an_effect_changes_nothing():
    assert on_reply(Reaction(), BY_ID["google-auth"], NOW) == (Reaction(), "")


def test_a_stop_beats_everything_and_ends_by_a_person_only():
    for start in (Reaction(), after(SLOW), after(SUSPEND), after(RECOVER), paused(Reaction(), "work", NOW + 60)):
        stopped = after(STOP, start=start)
        assert (stopped.mode, stopped.until) == ("stopped", 0.0)
        assert at(stopped, NOW + 10**9) == stopped
    assert paused(after(STOP), "work", NOW + 60) == after(STOP)
    assert resumed(after(STOP)).open


def test_what_a_person_resumes_after_a_stop_begins_with_one_connection():
    assert (resumed(after(STOP)).mode, resumed(after(STOP)).in_flight) == ("recovering", 1)
    assert resumed(paused(Reaction(), "work")) == Reaction()
    assert resumed(paused(after(RECOVER), "work")).in_flight == 1


def test_a_pause_ends_at_its_time_or_by_a_person():
    until, forever = paused(Reaction(), "work", NOW + 60), paused(Reaction(), "work")

    assert (until.open, forever.open) == (False, False)
    assert at(until, NOW + 60).mode == "normal"
    assert at(forever, NOW + 10**9) == forever
    assert resumed(forever) == Reaction()


def test_a_pause_does_not_shorten_a_suspension_nor_forget_a_recovery():
    brief = paused(after(RECOVER), "work", NOW + 60)
    hit = on_reply(paused(Reaction(), "work", NOW + 60), SUSPEND, NOW + 1)[0]

    assert brief.until == NOW + 600
    assert at(brief, NOW + 600).mode == "recovering"
    assert (hit.mode, hit.until) == ("paused", NOW + 1801)


def test_a_success_only_helps_a_lane_that_recovers():
    for reaction in (Reaction(), after(SLOW), after(SUSPEND), after(STOP), paused(Reaction(), "work")):
        assert on_success(reaction, NOW + 1, 5) == reaction


@given(events)
def test_every_reaction_survives_json(history):
    for *_, reaction in states(history):
        assert Reaction.of_json(json.loads(json.dumps(reaction.to_json()))) == reaction


@given(events)
def test_a_stopped_lane_never_opens_by_itself(history):
    for _, _, before, reaction in states(history):
        assert before.mode != "stopped" or reaction == before


@given(events)
def test_a_suspension_always_ends_at_its_time(history):
    for now, _, _, reaction in states(history):
        if reaction.mode == "suspended":
            assert reaction.until > now - 1e-3
            assert at(reaction, reaction.until).open
            assert not at(reaction, now).open or reaction.until <= now


@given(events)
def test_no_event_shortens_a_suspension_or_opens_it_early(history):
    for now, event, before, reaction in states(history):
        if before.mode == "suspended" and now < before.until and event != "pause":
            assert reaction.mode in {"suspended", "stopped"}
            assert reaction.mode == "stopped" or reaction.until >= before.until
        if before.mode == "suspended" and now < before.until:
            assert not reaction.open


@given(events, st.integers(1, 30))
def test_a_recovering_lane_never_has_more_connections_than_the_provider_bears(history, connections):
    for *_, before, reaction in states(history, connections=connections):
        if reaction.mode == "recovering":
            assert 1 <= reaction.in_flight <= connections
            assert before.mode != "recovering" or reaction.in_flight <= before.in_flight + 1


@given(events)
def test_a_change_is_told_and_told_once(history):
    for now, event, before, reaction in states(history):
        if isinstance(event, Rule):
            told, reason = on_reply(before, event, now)
            assert told == reaction
            assert bool(reason) >= (at(before, now).mode != told.mode)
            assert not reason or reason == told.reason


@given(events)
def test_the_hits_kept_are_bounded(history):
    for *_, reaction in states(history):
        assert len(reaction.hits) <= sum(it.effect.hits for it in [SLOW, SUSPEND, RECOVER, STOP, *ACTIVE])


@given(events, gaps)
def test_time_alone_only_opens_what_is_over(history, gap):
    for now, *_, reaction in states(history):
        later = at(reaction, now + gap)
        if not reaction.open and later.open:
            assert 0 < reaction.until <= now + gap


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (None, "mapping"),
        ([], "mapping"),
        ({"mode": "asleep"}, "mode"),
        ({"mode": ["normal"]}, "mode"),
        ({"mode": "suspended"}, "until"),
        ({"mode": "slow", "until": 0}, "until"),
        ({"mode": "recovering"}, "in_flight"),
        ({"until": float("inf")}, "until"),
        ({"until": -1}, "until"),
        ({"in_flight": 0}, "in_flight"),
        ({"per_minute": 1.5}, "per_minute"),
        ({"hits": [["a"]]}, "hits"),
        ({"hits": {"a": 1}}, "hits"),
        ({"successes": -1}, "successes"),
        ({"speed": 1}, "speed"),
    ],
)
def test_bad_data_is_refused_by_its_key(data, problem):
    with pytest.raises(ValueError, match=problem):
        Reaction.of_json(data)


def test_missing_keys_are_normal():
    assert Reaction.of_json({}) == Reaction()
