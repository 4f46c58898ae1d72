"""Deliveries from the log: each counted once, its reply reacted to, together with the journal's cursor."""

import asyncio

import pytest
from pacing_tools import HOLD, PASS, V4, World, address, config, plan, provider

from postwright.pacing import results as results_module
from postwright.pacing.lines import Delivery
from postwright.pacing.reactions import Reaction
from postwright.pacing.rebuild import Latecomers
from postwright.pacing.replies import RULES
from postwright.pacing.results import Results
from postwright.pacing.rule import Effect, Rule

LANE = f"{V4}-google"


class Log:
    """A world whose log is told by hand."""

    def __init__(self, base, configuration=None, world=None):
        self.world = world or World(base, configuration)
        self.unknown = []
        self.results = Results(
            self.world.books, self.world.store.commit, lambda lane, it: self.unknown.append((lane.name, it))
        )

    def tell(self, *deliveries, cursor="c"):
        asyncio.run(self.results.handle(deliveries, cursor))

    @property
    def stats(self):
        return {key: value for key, value in self.world.books.stat(LANE).numbers().items() if value}

    def state(self, queue_id):
        return self.world.store.one("SELECT state FROM message WHERE queue_id = ?", (queue_id,))


def sent(queue_id, lane=LANE):
    return Delivery(lane, queue_id, "sent", "2.0.0", "250 2.0.0 OK", 0.0)


def late(queue_id, text="450 4.2.1 try again", dsn="4.2.1", status="deferred", lane=LANE):
    return Delivery(lane, queue_id, status, dsn, text, 0.0)


@pytest.fixture
def log(tmp_path):
    return Log(tmp_path)


def test_a_delivered_message_is_counted_and_forgotten(log):
    log.world.ask(queue_id="AAAA")
    log.tell(sent("AAAA"))
    assert (log.stats, log.state("AAAA"), log.world.lane.outstanding) == ({"attempted": 1, "delivered": 1}, None, {})
    assert log.world.again().store.meta("cursor") == "c"


def test_the_same_lines_told_again_after_a_crash_come_with_the_same_cursor(log):
    log.world.ask(queue_id="AAAA")
    log.tell(sent("AAAA"), cursor="c1")
    again = Log(None, world=log.world.again())
    assert (again.stats, again.world.store.meta("cursor")) == ({"attempted": 1, "delivered": 1}, "c1")


def test_a_message_counts_by_its_last_result_of_the_day(log):
    log.world.ask(queue_id="AAAA")
    log.tell(late("AAAA"))
    assert (log.stats, log.state("AAAA")) == ({"attempted": 1, "deferred": 1}, "deferred")
    log.tell(late("AAAA"), sent("AAAA"))
    assert (log.stats, log.state("AAAA")) == ({"attempted": 1, "delivered": 1}, None)


def test_a_message_deferred_yesterday_counts_today_again(log):
    log.world.ask(queue_id="AAAA")
    log.tell(late("AAAA"))
    log.world.hands.pass_(86_400)
    log.world.books.opened_or_same(log.world.books.now())
    log.tell(sent("AAAA"))
    assert log.stats == {"attempted": 1, "delivered": 1}


def sample(kind, name="google"):
    return next(it for it in RULES if it.kind == kind and it.provider == name)


@pytest.mark.parametrize(("kind", "key"), [("rate", "throttled"), ("block", "blocked")])
def test_replies_are_counted_by_their_kind(log, kind, key):
    rule = sample(kind)
    dsn = next(it for it in rule.sample.replace("-", " ").split() if it[1:2] == "." and it[0] in "45")
    log.world.ask(queue_id="AAAA")
    log.tell(late("AAAA", f"host mx.google.com said: {rule.sample}", dsn))
    assert log.stats == {"attempted": 1, key: 1}


@pytest.mark.parametrize(("status", "key"), [("bounced", "bounced"), ("expired", "deferred")])
def test_only_a_bounce_is_a_bounce(log, status, key):
    log.world.ask(queue_id="AAAA")
    log.tell(late("AAAA", "550 5.1.1 no such user", "5.1.1", status))
    assert (log.stats, log.state("AAAA")) == ({"attempted": 1, key: 1}, None)


def test_a_lane_reacts_to_a_reply_and_the_reason_is_kept(log):
    rule = next(
        it
        for it in RULES
        if it.provider == "google" and it.effect and it.effect.do == "recover" and it.effect.hits == 1
    )
    log.world.ask(queue_id="AAAA")
    log.tell(late("AAAA", f"host mx said: {rule.sample}", "4.7.28"))
    assert log.world.lane.reaction.mode == "suspended"
    world = log.world.again()
    assert world.lane.reaction == log.world.lane.reaction
    assert world.ask(queue_id="BBBB") == HOLD
    what, reason = world.store.execute("SELECT what, reason FROM decisions ORDER BY id DESC").fetchone()
    assert (what, rule.id in reason) == ("suspended", True)
    assert any(line.startswith(f"decision: {LANE}: suspended: ") for line in log.world.lines)


def test_a_reaction_of_provider_scope_closes_all_lanes_to_it(tmp_path, monkeypatch):
    rule = Rule("x", None, "x", "x", "block", Effect("stop", scope="provider"), "")
    monkeypatch.setattr(results_module, "matched", lambda *_: rule)
    log = Log(tmp_path, config(addresses=[address(), address("192.0.2.11", "v4-192-0-2-11")]))
    log.tell(late("AAAA"))
    modes = {it.name: it.reaction.mode for it in log.world.books.lanes.values() if it.reaction.mode != "normal"}
    assert modes == {LANE: "stopped", "v4-192-0-2-11-google": "stopped"}


def of_domain(domain, rule, lane):
    return Delivery(lane, "AAAA", "deferred", "4.7.1", f"host mx said: {rule.sample}", 0.0, domain)


ANYBODYS = [it for it in RULES if it.provider is None and it.effect]


@pytest.mark.parametrize("name", ["other", "unknown"])
@pytest.mark.parametrize("rule", ANYBODYS, ids=lambda it: it.id)
def test_no_two_domains_slow_mail_to_all_the_others_behind_their_class(log, name, rule):
    lane = f"{V4}-{name}"
    for _ in range(20):
        log.tell(of_domain("a.test", rule, lane), of_domain("b.test", rule, lane))
    assert log.world.books.lanes[lane].reaction.mode == "normal"


@pytest.mark.parametrize("name", ["other", "unknown"])
@pytest.mark.parametrize("rule", ANYBODYS, ids=lambda it: it.id)
def test_as_many_domains_as_a_rule_wants_hits_and_at_least_three_are_believed(log, name, rule):
    lane, enough = f"{V4}-{name}", max(3, rule.effect.hits)
    log.tell(*(of_domain(f"d{number}.test", rule, lane) for number in range(enough - 1)))
    assert log.world.books.lanes[lane].reaction.mode == "normal"
    log.tell(of_domain("last.test", rule, lane))
    assert log.world.books.lanes[lane].reaction.mode in {"slow", "suspended", "stopped"}


def test_what_domains_said_long_ago_or_what_was_reacted_to_does_not_count_again(log):
    lane, rule = f"{V4}-other", next(it for it in ANYBODYS if it.effect.do == "slow")
    log.tell(*(of_domain(f"d{number}.test", rule, lane) for number in range(max(3, rule.effect.hits) - 1)))
    log.world.hands.pass_(rule.effect.within)
    log.tell(of_domain("late.test", rule, lane))
    assert log.world.books.lanes[lane].reaction.mode == "normal"

    log.tell(*(of_domain(f"d{number}.test", rule, lane) for number in range(max(3, rule.effect.hits) - 1)))
    assert log.world.books.lanes[lane].reaction.mode == "slow"
    log.world.books.lanes[lane].reaction = Reaction()
    log.tell(of_domain("late.test", rule, lane))
    assert log.world.books.lanes[lane].reaction.mode == "normal"


def test_a_recovery_does_not_fail_by_what_one_domain_behind_other_says(log):
    lane, rule = f"{V4}-other", ANYBODYS[0]
    log.world.books.lanes[lane].reaction = Reaction("recovering", in_flight=1)
    log.tell(of_domain("a.test", rule, lane))
    assert log.world.books.lanes[lane].reaction.mode == "recovering"


def test_a_recovering_lane_widens_with_its_successes(log):
    log.world.lane.reaction = log.world.lane.reaction.__class__("recovering", in_flight=1)
    for number in range(200):
        log.tell(sent(f"AA{number:03d}"))
        if log.world.lane.reaction.mode == "normal":
            return
    raise AssertionError(log.world.lane.reaction)


def test_held_mail_that_a_person_let_go_is_counted_beyond_the_budget(log):
    assert [log.world.ask(queue_id=it) for it in ("AAAA", "BBBB", "CCCC", "DDDD")] == [PASS] * 3 + [HOLD]
    log.tell(sent("DDDD"))
    assert (log.world.lane.account.day, log.world.lane.held) == (4, 0)
    assert log.stats == {"attempted": 1, "delivered": 1, "bypassed": 1}


def test_a_domains_budget_has_its_own_numbers(tmp_path):
    domains = {"a.test": {"plan": "small", "start": "2026-11-22", "share": [1, 1], "providers": ["google"]}}
    log = Log(tmp_path, config(domains=domains))
    log.world.ask(queue_id="AAAA", sender="x@a.test")
    log.world.ask(queue_id="BBBB", sender="x@b.test")
    log.tell(sent("AAAA"), sent("BBBB"))
    assert log.world.books.stats["a.test/google"].delivered == 1
    assert log.stats["delivered"] == 2


def test_lines_of_a_lane_that_is_gone_only_end_its_messages(log):
    log.world.ask(queue_id="AAAA")
    world = log.world.again(config(addresses=[address("192.0.2.99", "v4-192-0-2-99")]))
    log = Log(None, world=world)
    log.tell(late("AAAA"))
    assert log.state("AAAA") == "passed"
    log.tell(sent("AAAA"))
    assert log.state("AAAA") is None


def test_the_log_waits_for_a_disk_that_refuses_and_counts_once(log, monkeypatch):
    log.world.ask(queue_id="AAAA")
    log.world.store.execute("CREATE TEMP TRIGGER no BEFORE INSERT ON stats BEGIN SELECT RAISE(FAIL, 'full'); END")
    rests = []

    async def rest(_):
        rests.append(log.stats)
        log.world.store.execute("DROP TRIGGER no")

    monkeypatch.setattr(results_module.asyncio, "sleep", rest)
    log.tell(sent("AAAA"))
    assert len(rests) == 1
    assert Log(None, world=log.world.again()).stats == {"attempted": 1, "delivered": 1}


def test_a_deferred_message_of_a_warm_lane_is_remembered(tmp_path):
    log = Log(tmp_path, config(addresses=[address(plan=None)]))
    log.world.ask(queue_id="AAAA")
    log.tell(late("AAAA"))
    assert (log.state("AAAA"), log.world.lane.outstanding, log.unknown) == ("deferred", {}, [])
    log.tell(sent("AAAA"))
    assert (log.state("AAAA"), log.stats) == (None, {"attempted": 1, "delivered": 1})


def untried(queue_id, status="deferred"):
    """As Postfix's retry service logs what it puts off because its destination is down."""
    return late(queue_id, "connect to mx[192.0.2.1]:25: Connection refused", "4.4.1", status, lane="")


@pytest.mark.parametrize("plan_name", ["small", None])
def test_mail_that_postfix_puts_off_untried_is_no_longer_under_way_and_no_attempt(tmp_path, plan_name):
    log = Log(tmp_path, config(addresses=[address(plan=plan_name)], outstanding=2))
    assert [log.world.ask(queue_id=it) for it in ("AAAA", "BBBB", "CCCC")] == [PASS, PASS, HOLD]

    log.tell(untried("AAAA"), untried("BBBB"), untried("ELSE"))

    assert log.world.lane.free(log.world.books.now()) == 2
    assert (log.stats, [log.state(it) for it in ("AAAA", "BBBB", "ELSE")]) == ({}, ["deferred", "deferred", None])
    log = Log(None, world=log.world.again())
    log.tell(sent("AAAA"))
    assert (log.world.lane.outstanding, log.unknown) == ({}, [])
    assert (log.stats, log.state("AAAA")) == ({"attempted": 1, "delivered": 1}, None)


def test_mail_put_off_untried_keeps_its_result_of_the_day(log):
    log.world.ask(queue_id="AAAA")
    log.tell(late("AAAA"))
    log.world.lane.leave("AAAA", 0, 0)
    log.tell(untried("AAAA"), sent("AAAA"))
    assert log.stats == {"attempted": 1, "delivered": 1}


def test_mail_that_postfix_gives_up_untried_is_forgotten(log):
    log.world.ask(queue_id="AAAA")
    log.tell(untried("AAAA", "expired"))
    assert (log.stats, log.state("AAAA"), log.world.lane.outstanding) == ({}, None, {})


def test_messages_nobody_knew_count_once_after_a_lost_database(tmp_path):
    world = World(
        tmp_path,
        config(plans={"small": plan([10])}, providers=[provider("google"), provider("other"), provider("unknown")]),
    )
    world.store.set_meta(rebuilt=str(world.books.day), counted='["KNOW"]')
    latecomers = Latecomers(world.books)
    for queue_id in ("KNOW", "NEWA", "NEWA"):
        latecomers(world.lane, queue_id)
    assert world.lane.account.day == 1
    world.hands.pass_(86_400)
    world.books.opened_or_same(world.books.now())
    latecomers(world.lane, "NEWB")
    assert world.lane.account.day == 0
