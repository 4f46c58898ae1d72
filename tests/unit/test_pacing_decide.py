"""Which lane a message takes, or where it waits: every rule, and all of them against each other."""

import itertools

import pytest
from pacing_tools import NOON, V4, address, config, plan, provider

from postwright.pacing.accounts import Account, LaneState
from postwright.pacing.config import Stream
from postwright.pacing.decide import Decision, Question, decide, stream_of
from postwright.pacing.reactions import Reaction

A, B, C = "v4-192-0-2-10-google", "v4-192-0-2-11-google", "v4-192-0-2-12-google"


def lanes(**changes):
    """Two warming lanes (10 a day) and a warm one, all to google."""
    made = config(
        addresses=[address(), address("192.0.2.11", "v4-192-0-2-11"), address("192.0.2.12", "v4-192-0-2-12", plan=None)],
        plans={"small": plan([10, 20])}, providers=[provider("google", **changes), provider("other"), provider("unknown")],
    )  # fmt: skip
    found = [LaneState(it, Account.of_lane(it), 5) for it in made.lanes_to("google")]
    for it in found:
        it.account.stand(it.account.standing)
    return found


def stream(full, after=0):
    return Stream("s", frozenset(), frozenset(), full, after)


def budget(day=10, used=0):
    made = Account("d/google", plan and config(plans={"small": plan([day])}).addresses[0].plan, "google")
    made.stand(made.standing)
    made.day = made.hour = used
    return made


def ask(found, account=None, asked=None, *, first=False, now=NOON, relay=False, budgets=None):
    budgets = budgets if budgets is not None else ({account.name: account} if account else {})
    return decide(Question(found, account, asked, first, now), budgets, relay=relay)


def test_the_warming_lane_with_the_largest_share_left_goes_first():
    a, b, c = lanes()
    a.account.take(3)
    assert ask([a, b, c]) == Decision("pass", b)
    b.account.take(4)
    assert ask([a, b, c]) == Decision("pass", a)


def test_a_warm_lane_takes_what_the_warming_ones_cannot():
    a, b, c = lanes()
    a.account.take(10)
    b.account.take(10)
    assert ask([a, b, c]) == Decision("pass", c)


def test_without_budget_a_message_is_held_where_it_waits_shortest():
    a, b, _ = lanes()
    a.account.take(10)
    b.account.take(10)
    a.waiting[""] = 11
    assert ask([a, b]) == Decision("hold", b)
    b.waiting[""] = 25
    assert ask([a, b]) == Decision("hold", a)


def test_new_mail_does_not_overtake_held_mail_that_could_go():
    a, _, _ = lanes()
    a.waiting[""] = 1
    assert ask([a]) == Decision("hold", a)
    assert ask([a], first=True) == Decision("pass", a)


def test_new_mail_passes_held_mail_whose_domain_has_no_budget():
    a, _, _ = lanes()
    full = budget(used=10)
    a.waiting[full.name] = 4
    assert ask([a], budgets={full.name: full}) == Decision("pass", a)
    assert ask([a], budgets={full.name: budget(used=9)}) == Decision("hold", a)


def test_held_mail_of_a_domain_whose_budget_is_gone_from_the_configuration_goes_first():
    a, _, _ = lanes()
    a.waiting["old/google"] = 1
    assert ask([a]) == Decision("hold", a)


def test_a_domains_budget_binds_warm_lanes_too():
    _, _, c = lanes()
    assert ask([c], budget(used=9)) == Decision("pass", c)
    assert ask([c], budget(used=10)) == Decision("hold", c)


@pytest.mark.parametrize("mode", ["suspended", "stopped", "paused"])
@pytest.mark.parametrize("full", ["wait", "bypass"])
def test_a_closed_lane_takes_nothing_whatever_the_stream(mode, full):
    a, _, c = lanes()
    for it in (a, c):
        it.reaction = Reaction(mode=mode, until=NOON + 60)
    assert ask([a, c], asked=stream(full)).what == "hold"
    assert ask([a, c], asked=stream(full), first=True).what == "hold"


def test_a_lane_whose_plan_has_not_begun_takes_nothing():
    a, _, _ = lanes()
    before = a.account.start - 1
    assert ask([a], asked=stream("bypass"), now=before) == Decision("hold", a)
    assert ask([a], now=before + 1) == Decision("pass", a)


def test_mail_is_held_where_it_waits_shortest_even_if_that_lane_is_closed_for_a_while():
    a, b, _ = lanes()
    a.account.take(10)
    b.reaction = Reaction(mode="suspended", until=NOON + 60)
    assert ask([a, b]) == Decision("hold", b)
    b.reaction = Reaction(mode="stopped")
    assert ask([a, b]) == Decision("hold", a)


def test_no_lane_has_more_under_way_than_it_may():
    a, _, c = lanes()
    a.account.take(10)
    c.outstanding = dict.fromkeys("abcd", NOON)
    assert ask([a, c]) == Decision("pass", c)
    c.outstanding["e"] = NOON
    assert ask([a, c]).what == "hold"
    assert ask([a, c], asked=stream("bypass")) == Decision("pass", a, bypassed=True)


def test_a_recovering_lane_has_no_more_under_way_than_it_was_given():
    _, _, c = lanes()
    c.reaction = Reaction(mode="recovering", in_flight=1)
    assert ask([c]).what == "pass"
    c.leave("x", NOON, NOON)
    assert ask([c]).what == "hold"
    c.back("x")
    assert ask([c]).what == "pass"


@pytest.mark.parametrize("slow", [True, False])
def test_a_rate_by_the_minute_is_kept(slow):
    _, _, c = lanes(per_minute=None if slow else 3)
    if slow:
        c.reaction = Reaction(mode="slow", until=NOON + 9999, per_minute=3)
    passed = 0
    for number in range(10):
        if ask([c]).what == "pass":
            c.leave(str(number), NOON, NOON)
            c.back(str(number))
            passed += 1
    assert passed == 3
    assert ask([c], now=NOON + 60).what == "pass"


def test_a_bypassing_stream_passes_beyond_the_budget_and_past_held_mail():
    a, _, _ = lanes()
    a.account.take(10)
    a.waiting[""] = 5
    assert ask([a], asked=stream("bypass")) == Decision("pass", a, bypassed=True)
    assert ask([a], asked=stream("bypass", after=60)) == Decision("hold", a)


def test_a_stream_within_the_budget_bypasses_nothing():
    a, _, _ = lanes()
    assert ask([a], asked=stream("bypass")) == Decision("pass", a)


def test_an_overflowing_stream_goes_to_the_relay_if_no_lane_takes_it():
    a, _, _ = lanes()
    assert ask([a], asked=stream("overflow"), relay=True) == Decision("pass", a)
    a.account.take(10)
    assert ask([a], asked=stream("overflow"), relay=True) == Decision("relay", None)
    assert ask([a], asked=stream("overflow", after=5), relay=True) == Decision("hold", a)
    assert ask([a], asked=stream("overflow"), relay=False) == Decision("hold", a)


def test_whatever_the_state_a_budget_is_kept_and_closed_lanes_are_left_alone():
    modes, used, waiting = ("normal", "suspended"), (0, 9, 10, 12), (0, 1)
    fulls = (None, "wait", "bypass", "overflow")
    for mode, spent, held, full, first, domain in itertools.product(
        modes, used, waiting, fulls, (False, True), (None, 0, 10)
    ):
        a, _, c = lanes()
        a.reaction = Reaction(mode=mode, until=NOON + 9)
        a.account.take(spent)
        a.waiting = {"": held} if held else {}
        account = None if domain is None else budget(used=domain)
        said = ask([a, c], account, stream(full) if full else None, first=first, relay=True)

        if said.what == "pass":
            assert said.lane.reaction.open
            within = said.lane.account.room(NOON) >= 1 and (account is None or account.room(NOON) >= 1)
            assert within or (said.bypassed and full == "bypass")
            assert not (said.lane.waiting and not first and not said.bypassed)
        elif said.what == "relay":
            assert (full, domain) == ("overflow", 10), "the warm lane would have taken it"
        else:
            assert domain == 10
            assert full in (None, "wait")


@pytest.mark.parametrize(("sender", "user", "name"), [
    ("a@b.test", "", "exact"), ("A@B.Test", "", "exact"), ("x@tx.test", "", "domain"), ("x@sub.tx.test", "", None), ("", "", None),
    ("", "app", "login"), ("x@tx.test", "app", "domain"), ("x@y.test", "app", "login"), ("x@y.test", "", None), ("nobody", "", None),
])  # fmt: skip
def test_the_first_stream_that_names_sender_or_login_counts(sender, user, name):
    streams = [
        Stream("exact", frozenset({"a@b.test"}), frozenset(), "wait", 0),
        Stream("domain", frozenset({"@tx.test"}), frozenset(), "wait", 0),
        Stream("login", frozenset(), frozenset({"app"}), "wait", 0),
    ]
    found = stream_of(streams, sender, user)
    assert (found.name if found else None) == name


def test_the_tools_know_the_lanes_of_this_file():
    assert f"{V4}-google" == A
    assert [it.name for it in lanes()] == [A, B, C]
