"""Answers to Postfix: exact, repeatable, and defined for whatever is asked."""

import asyncio

import pytest
from pacing_tools import HOLD, NOON, PASS, V4, V6, Hands, World, action, address, attributes, config, plan

from postwright.pacing.mx import Recipient

BUDGET = 3
RELAY = "FILTER relay-out:[smtp.esp.example]:587"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def ids(count, start=0):
    return [f"4cAb{number:08d}z7" for number in range(start, start + count)]


def asked(world, count, start=0, **changes):
    return [world.ask(queue_id=it, **changes) for it in ids(count, start)]


def test_messages_pass_within_the_budget_and_the_rest_is_held(world):
    assert asked(world, 5) == [PASS] * BUDGET + [HOLD] * 2
    assert (world.lane.account.day, world.lane.held, len(world.lane.outstanding)) == (BUDGET, 2, BUDGET)


def test_the_same_question_gets_the_same_answer_and_takes_no_second_token(world):
    before = asked(world, 5)
    for _ in range(3):
        assert asked(world, 5) == before
    assert (world.lane.account.day, world.lane.held) == (BUDGET, 2)


def test_after_a_crash_nothing_is_forgotten(world):
    before = asked(world, 5)
    world = world.again()
    assert asked(world, 5) == before
    assert (world.lane.account.day, world.lane.held, len(world.lane.outstanding)) == (BUDGET, 2, BUDGET)
    assert asked(world, 1, 9) == [HOLD]


def test_two_sessions_that_ask_at_once_do_not_both_take_the_last_token(world):
    asked(world, BUDGET - 1)
    said = []
    for queue_id in ids(2, 10):
        world.pacer.ask(attributes(queue_id=queue_id), said.append)
    assert said == [], "no answer before it is on disk"
    world.store.commit()
    assert sorted(map(action, said)) == sorted([PASS, HOLD])


def test_the_same_question_asked_twice_at_once_takes_one_token(world):
    said = []
    for _ in range(2):
        world.pacer.ask(attributes(queue_id="ABCD"), said.append)
    world.store.commit()
    assert (list(map(action, said)), world.lane.account.day) == ([PASS] * 2, 1)


def test_a_new_hour_or_day_brings_new_tokens(tmp_path):
    world = World(tmp_path, config(plans={"small": plan([6], hour_share=0.5)}))
    assert asked(world, 4) == [PASS] * 3 + [HOLD]
    world.hands.pass_(3600)
    world.books.lanes[f"{V4}-google"].waiting.clear()
    assert asked(world, 4, 10) == [PASS] * 3 + [HOLD]
    world.hands.pass_(3600)
    world.books.lanes[f"{V4}-google"].waiting.clear()
    assert asked(world, 1, 20) == [HOLD], "the day's number is used up"


def test_a_clock_set_back_opens_no_spent_window(world):
    asked(world, BUDGET)
    world.hands.pass_(3 * 3600)
    asked(world, 1, 5)
    world.hands.wall -= 86_400
    assert asked(world, 1, 9) == [HOLD]
    assert asked(world.again(), 1, 10) == [HOLD]


def test_a_warm_lane_writes_no_row_and_repeats_its_answer(tmp_path):
    world = World(tmp_path, config(addresses=[address(plan=None)]))
    said = []
    world.pacer.ask(attributes(queue_id="ABCD"), said.append)
    assert list(map(action, said)) == [PASS], "nothing to wait for"
    assert asked(world, 1) == [PASS]
    assert world.ask(queue_id="ABCD") == PASS
    assert world.store.one("SELECT count(*) FROM message") == 0
    assert len(world.lane.outstanding) == 2


def test_what_is_under_way_on_a_warm_lane_is_bounded(tmp_path):
    world = World(tmp_path, config(addresses=[address(plan=None)], outstanding=2))
    assert asked(world, 3) == [PASS, PASS, HOLD]


@pytest.mark.parametrize(("changes", "answer"), [
    ({"request": "junk"}, "DUNNO"), ({"request": None}, "DUNNO"), ({"protocol_state": "RCPT"}, "DUNNO"),
    ({"protocol_state": None}, "DUNNO"), ({"recipient": "a@example.com"}, "DUNNO"), ({"recipient": "a@LOCALHOST"}, "DUNNO"),
    ({"recipient": "root"}, "DUNNO"), ({"recipient": '"a@b"'}, "DUNNO"),
    ({"recipient_count": "2", "recipient": ""}, "FILTER gate:[127.0.0.1]:10026"),
    ({"recipient_count": "2", "server_port": "10026"}, "pace_agent_down"),
    ({"recipient_count": "0"}, "pace_agent_down"), ({"recipient_count": None}, "pace_agent_down"),
    ({"recipient_count": "\u0661"}, "pace_agent_down"), ({"recipient": ""}, "pace_agent_down"),
    ({"recipient": None}, "pace_agent_down"), ({"queue_id": ""}, "pace_agent_down"), ({"queue_id": None}, "pace_agent_down"),
    ({"queue_id": "a/../b"}, "pace_agent_down"), ({"sender": None}, PASS), ({"sender": ""}, PASS),
    ({"unknown": "x"}, PASS), ({"recipient": '"a b@c"@gmail.test'}, PASS), ({"recipient": "ü@gmail.test"}, PASS),
    ({"recipient": "\udcff@gmail.test"}, PASS), ({"sender": "\udcff@\udcfe"}, PASS),
    ({"recipient": "a@\udcff.test"}, f"FILTER {V4}-other:"), ({"recipient": "a@[192.0.2.1]"}, f"FILTER {V4}-other:"),
    ({"recipient": "a@lost.test"}, f"FILTER {V4}-unknown:"),
])  # fmt: skip
def test_every_question_has_a_defined_answer(world, changes, answer):
    assert world.ask(**changes) == answer


@pytest.mark.parametrize(("failure", "answer"), [
    ("hold", "pace_agent_down"), ("pass", f"FILTER {V4}-other:"),
    ("refuse", "451 4.3.0 Mail is paced here and the agent for it is away; try again later"),
])  # fmt: skip
def test_no_request_is_answered_as_without_an_agent(tmp_path, failure, answer):
    said = []
    World(tmp_path, config(failure=failure)).pacer.ask(None, said.append)
    assert list(map(action, said)) == [answer]


@pytest.mark.parametrize(
    ("recipient", "answer"),
    [("Box@ours.example", "DUNNO"), ("box+4711@ours.example", "DUNNO"), ("other@ours.example", f"FILTER {V4}-other:")],
)
def test_mail_for_a_mailbox_of_another_host_of_ours_is_not_paced(tmp_path, recipient, answer):
    world = World(tmp_path, config(own_addresses=["box@ours.example"]))

    assert asked(world, 1, recipient=recipient) == [answer]


def test_a_domain_that_must_be_looked_up_is_answered_when_that_is_done(world):
    world.domains.slow = True
    said, works = [], []
    world.pacer._spawn = works.append
    world.pacer.ask(attributes(), said.append)
    assert said == []
    asyncio.run(works[0])
    world.store.commit()
    assert list(map(action, said)) == [PASS]


def test_a_resolver_that_fails_makes_the_recipient_unknown(world):
    class Failing:
        async def class_of(self, domain):
            raise RuntimeError(domain)

    said, works = [], []
    world.pacer.exchangers, world.pacer._spawn = Failing(), works.append
    world.pacer.ask(attributes(), said.append)
    asyncio.run(works[0])
    world.store.commit()
    assert list(map(action, said)) == [f"FILTER {V4}-unknown:"]


def test_mail_goes_by_an_address_that_reaches_its_recipients_hosts(tmp_path):
    class Reach:
        versions = frozenset({6})

        async def class_of(self, domain):  # noqa: ARG002
            return Recipient("google", self.versions)

    both = [address(plan=None), address("2001:db8::10", V6, plan=None)]
    world = World(tmp_path, config(addresses=both))
    world.pacer.exchangers = Reach()
    assert world.ask(queue_id="AAAA") == f"FILTER {V6}-google:"
    Reach.versions = frozenset({4})
    assert world.ask(queue_id="BBBB") == PASS
    Reach.versions = frozenset()
    assert world.ask(queue_id="CCCC") in (PASS, f"FILTER {V6}-google:")


DOMAINS = {"news.example.com": {"plan": "tiny", "start": "2026-11-22", "share": [2, 2], "providers": ["google"]}}


def test_a_domains_budget_is_shared_by_all_lanes_to_the_provider(tmp_path):
    plans = {"small": plan([100]), "tiny": plan([5])}
    world = World(tmp_path, config(addresses=[address(plan=None)], plans=plans, domains=DOMAINS))
    assert asked(world, 3, sender="a@News.example.com") == [PASS, PASS, HOLD], "the second of two hosts has 2 of 5"
    assert asked(world, 2, 10, sender="a@example.com") == [PASS, PASS], "other senders are free"
    other = world.ask(queue_id="DDDD", sender="a@news.example.com", recipient="x@other.test")
    assert other == f"FILTER {V4}-other:"
    world = world.again()
    assert world.books.budgets["news.example.com/google"].day == 2
    assert world.lane.waiting == {"news.example.com/google": 1}


STREAMS = [
    {"name": "receipts", "senders": ["@tx.example.com"], "users": [], "when_full": "bypass", "after": 0},
    {"name": "alerts", "senders": [], "users": ["monitor"], "when_full": "overflow", "after": 0},
]


def test_a_bypassing_stream_is_counted_beyond_the_budget(tmp_path):
    world = World(tmp_path, config(streams=STREAMS, relay="relay-out:[smtp.esp.example]:587"))
    asked(world, 4)
    assert asked(world, 2, 10, sender="a@tx.example.com") == [PASS] * 2
    assert (world.lane.account.day, world.books.stats[f"{V4}-google"].bypassed) == (BUDGET + 2, 2)


def test_an_overflowing_stream_goes_to_the_relay_and_says_so_again(tmp_path):
    world = World(tmp_path, config(streams=STREAMS, relay=RELAY.removeprefix("FILTER ")))
    asked(world, 4)
    assert asked(world, 1, 10, sasl_username="monitor") == [RELAY]
    assert asked(world.again(), 1, 10, sasl_username="monitor") == [RELAY]
    assert world.lane.account.day == BUDGET


def test_a_client_with_a_certificate_is_of_the_stream_of_its_login(tmp_path):
    known = {"certificates": {"AB:CD": "monitor", "EF:01": "somebody"}}
    world = World(tmp_path, config(streams=STREAMS, relay=RELAY.removeprefix("FILTER "), **known))
    asked(world, BUDGET)

    assert asked(world, 1, 10, ccert_fingerprint="AB:CD") == [RELAY]
    assert asked(world, 1, 13, ccert_fingerprint="99", ccert_pubkey_fingerprint="AB:CD") == [RELAY]
    assert asked(world, 1, 11, ccert_fingerprint="EF:01") == [HOLD]
    assert asked(world, 1, 12, ccert_fingerprint="EF:01", sasl_username="monitor") == [RELAY]


def test_when_the_disk_refuses_the_answer_is_that_of_no_agent_and_no_token_is_lost(world):
    asked(world, 1)
    world.store.execute(
        "CREATE TEMP TRIGGER no BEFORE INSERT ON message BEGIN SELECT RAISE(FAIL, 'disk I/O error'); END"
    )

    assert asked(world, 1, 1) == ["pace_agent_down"]

    world.store.execute("DROP TRIGGER no")
    assert asked(world, 1, 2) == [PASS], "memory is loaded again by the next question"
    assert world.lane.account.day == 2


def test_a_commit_that_fails_takes_back_what_was_counted(world):
    asked(world, 1)
    world.store.before_commit.insert(0, lambda: world.store.execute("SELECT * FROM nowhere"))
    assert asked(world, 2, 1) == ["pace_agent_down"] * 2
    assert world.store.stale
    world.store.before_commit.pop(0)
    world.pacer._reload_at = 0
    assert asked(world, 3, 5) == [PASS, PASS, HOLD]
    assert world.lane.account.day == BUDGET


def test_a_lane_that_is_gone_since_is_answered_as_without_an_agent(world):
    asked(world, 1)
    world = world.again(config(addresses=[address("192.0.2.99", "v4-192-0-2-99")]))
    assert asked(world, 1) == ["pace_agent_down"]


def test_a_plan_that_shrinks_leaves_its_lanes_at_the_last_stage(tmp_path):
    world = World(tmp_path, config(plans={"small": plan([1, 2, 3, 4, 5, 6])}), Hands(NOON))
    account = world.lane.account
    account.stand(account.standing.__class__(stage=4))
    world.books.keep_standing(account)
    world.store.commit()
    world.books.reconfigure(config(plans={"small": plan([7, 8])}))
    assert (world.lane.account.standing.stage, world.lane.account.limits.day) == (1, 8)


def test_a_lane_that_was_warm_stays_so_under_a_longer_plan_only_if_it_reached_its_end(tmp_path):
    world = World(tmp_path, config(plans={"small": plan([1, 2])}))
    account = world.lane.account
    account.stand(account.standing.__class__(stage=2))
    world.books.keep_standing(account)
    world.store.commit()
    world.books.reconfigure(config(plans={"small": plan([1])}))
    assert not world.lane.account.limited


@pytest.mark.parametrize(("stages", "changes", "day"), [
    ([50, 100, 1000, 5000], {}, 50), ([10, 80, 80, 90, 5000], {}, 80), ([500, 1000, 5000, 9000], {}, 500), ([10, 20], {}, 20),
    ([10, 20, 40, 79, 81], {"overrides": {"google": 0.5}}, 40), ([1, 2, 3, 4, 5, 6], {"unit": "hour"}, 72),
])  # fmt: skip
def test_another_plan_goes_on_with_the_volume_and_not_with_the_stages_number(tmp_path, stages, changes, day):
    plans = {"small": plan([10, 20, 40, 80, 160]), "next": plan(stages) | changes}
    world = World(tmp_path, config(plans=plans))
    world.lane.account.stand(world.lane.account.standing.__class__(stage=3))
    world.books.keep_standing(world.lane.account)
    world.store.commit()

    world = world.again(config(plans=plans, addresses=[address(plan="next")]))

    account = world.lane.account
    assert account.plan.capacity(account.standing.stage, "google") == day
    world.books.keep_standing(account)
    world.store.commit()
    assert world.again().lane.account.standing == account.standing


def test_an_address_that_has_behind_it_one_plan_is_not_limited_by_another(tmp_path):
    plans = {"small": plan([1, 2]), "next": plan([1, 2, 3, 4, 5])}
    world = World(tmp_path, config(plans=plans))
    world.lane.account.stand(world.lane.account.standing.__class__(stage=2))
    world.books.keep_standing(world.lane.account)
    world.store.commit()
    world.books.reconfigure(config(plans=plans, addresses=[address(plan="next")]))
    assert not world.lane.account.limited
