"""Mail leaves from the pools of its stream alone: new mail, held mail, and mail whose lane or memory went."""

import asyncio
import re
import sqlite3
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pacing_tools import Queue, QueueKeeper, World, address, config, plan

from postwright.pacing import presence
from postwright.pacing.config import ConfigError
from postwright.pacing.pools import ways
from postwright.pacing.release import Release
from postwright.pacing.store import Store

GATE = "gate:[127.0.0.1]:10026"
RELAYS = {"relay": "relay-out:[a.example]:587", "relays": {"esp": "relay-out-esp:[b.example]:587"}}
OWN, NEWS, MORE = "v4-192-0-2-10-google", "v4-192-0-2-11-google", "v4-192-0-2-12-google"


def stream(name, **changes):
    base = {"name": name, "senders": [f"{name}@example.com"], "users": [f"{name}-app"], "when_full": "wait", "after": 0}
    server = f"127.77.0.{len(set(name)) * len(name)}"
    return base | {"gate": {"server": server, "filter": f"gate-{name}:[{server}]:10026"}} | changes


def of(last, pool="default", plan_=None):
    return address(f"192.0.2.{last}", f"v4-192-0-2-{last}", plan_) | {"pool": pool}


def pooled(*addresses, **changes):
    """Address 10 is of pool default, 11 of pool news, as long as nothing else is said."""
    found = addresses or (of(10), of(11, "news"))
    return config(addresses=list(found), **{"streams": [stream("bulk", pools=["news"])], **RELAYS, **changes})


class Yard:
    """A world whose mail lies in a queue."""

    def __init__(self, base, configuration, queue=None, world=None):
        self.world, self.queue = world or World(base, configuration), queue or Queue()
        self.release = Release(self.world.books, QueueKeeper(self.queue), self.world.pacer.spend)

    def ask(self, queue_id="4cAbc0123456z7", **changes):
        answer = self.world.ask(queue_id=queue_id, **changes)
        (self.queue.hold if answer.startswith("hold_") else self.queue.other)[queue_id] = answer
        return answer

    def crash(self, configuration):
        return Yard(None, None, self.queue, self.world.again(configuration))

    def once(self):
        asyncio.run(self.release.once())
        self.world.store.commit()

    def shut(self, lane, mode="stopped"):
        found = self.world.books.lanes[lane]
        found.reaction = found.reaction.__class__(mode)

    def at_gate(self, queue_id, server="127.0.0.1", **changes):
        return self.ask(queue_id, server_address=server, server_port="10026", **changes)

    @property
    def requeued(self):
        return [it for what, ids in self.queue.events for it in ids if what == "requeue"]


def by(lane):
    return f"FILTER {lane}:"


def held(lane):
    return "hold_" + lane.replace("-", "_")


@pytest.mark.parametrize(
    ("asked", "lane"),
    [({}, OWN), ({"sender": "bulk@example.com"}, NEWS), ({"sasl_username": "bulk-app"}, NEWS), ({"sender": ""}, OWN)],
)
def test_a_message_leaves_from_its_streams_pool_and_without_a_stream_from_the_default_one(tmp_path, asked, lane):
    yard = Yard(tmp_path, pooled())

    answers = [yard.ask(f"4cAb{at:08d}z7", **asked) for at in range(3)]

    assert answers == [by(lane)] * 3


def test_at_a_streams_gate_a_message_is_of_that_stream_whoever_sent_it(tmp_path):
    yard = Yard(tmp_path, pooled())

    assert yard.at_gate("4cAb00000001z7", "127.77.0.16") == by(NEWS)
    assert yard.at_gate("4cAb00000002z7") == by(OWN)
    assert yard.ask("4cAb00000003z7", server_address="127.77.0.16", server_port="587") == by(OWN), "no gate"


def test_mail_to_several_goes_through_the_gate_of_its_stream(tmp_path):
    yard = Yard(tmp_path, pooled())

    assert (
        yard.ask(recipient="", recipient_count="2", sasl_username="bulk-app") == "FILTER gate-bulk:[127.77.0.16]:10026"
    )
    assert yard.ask(recipient="", recipient_count="2") == f"FILTER {GATE}"


def test_with_streams_known_by_headers_nothing_is_decided_before_the_gate(tmp_path):
    yard = Yard(tmp_path, pooled(header_streams=True))

    first = [yard.ask(), yard.ask("4cAb00000002z7", sasl_username="bulk-app")]

    assert first == [f"FILTER {GATE}", "FILTER gate-bulk:[127.77.0.16]:10026"]
    assert yard.ask(recipient="a@example.com") == "DUNNO", "mail to the host itself goes nowhere"
    assert yard.at_gate("4cAb00000003z7") == by(OWN)
    assert yard.world.store.one("SELECT count(*) FROM message") == 0


@pytest.mark.parametrize("mode", ["stopped", "paused", "absent"])
def test_the_fallback_is_used_only_where_no_address_of_the_pool_can_take_mail(tmp_path, mode):
    yard = Yard(
        tmp_path, pooled(of(10), of(11, "news"), of(12, "news"), streams=[stream("bulk", pools=["news", "default"])])
    )
    answers = [yard.ask("4cAb00000000z7", sender="bulk@example.com")]

    for at, lane in enumerate((NEWS, MORE), 1):
        if mode == "absent":
            yard.world.books.looked(frozenset(["192.0.2.11", "192.0.2.12"][:at]))
        else:
            yard.shut(lane, mode)
        answers.append(yard.ask(f"4cAb0000000{at}z7", sender="bulk@example.com"))

    assert answers == [by(NEWS), by(MORE), by(OWN)]


def test_without_a_fallback_mail_of_a_shut_pool_is_held_in_that_pool(tmp_path):
    yard = Yard(tmp_path, pooled())
    yard.shut(NEWS)

    assert yard.ask(sender="bulk@example.com") == held(NEWS)


@pytest.mark.parametrize(("full", "answer"), [("wait", held(NEWS)), ("bypass", by(NEWS)), ("fallback", by(OWN))])
def test_a_pool_without_budget_is_no_reason_for_the_fallback_unless_the_stream_says_so(tmp_path, full, answer):
    streams = [stream("bulk", pools=["news", "default"], when_full=full)]
    yard = Yard(tmp_path, pooled(of(10), of(11, "news", "small"), streams=streams, plans={"small": plan([1])}))

    assert yard.ask("4cAb00000001z7", sender="bulk@example.com") == by(NEWS)
    assert yard.ask("4cAb00000002z7", sender="bulk@example.com") == answer


def test_mail_that_waited_long_enough_leaves_from_the_fallback_and_no_sooner(tmp_path):
    streams = [stream("bulk", pools=["news", "default"], when_full="fallback", after=60)]
    yard = Yard(tmp_path, pooled(of(10), of(11, "news", "small"), streams=streams, plans={"small": plan([1])}))
    yard.ask("4cAb00000001z7", sender="bulk@example.com")
    first = yard.ask("4cAb00000002z7", sender="bulk@example.com")
    yard.once()
    early = yard.requeued

    yard.world.store.execute("UPDATE message SET at = ?", (time.time() - 61,))
    yard.once()

    assert (first, early, yard.requeued) == (held(NEWS), [], ["4cAb00000002z7"])
    assert yard.at_gate("4cAb00000003z7", sender="bulk@example.com") == by(OWN)


def test_all_mail_of_a_stream_with_a_relay_leaves_by_it_and_the_same_question_is_answered_so_again(tmp_path):
    yard = Yard(tmp_path, pooled(streams=[stream("bulk", via="esp")]))
    said = [yard.ask(sender="bulk@example.com") for _ in range(2)]
    yard = yard.crash(yard.world.books.config)

    assert [*said, yard.ask(sender="bulk@example.com")] == ["FILTER relay-out-esp:[b.example]:587"] * 3
    assert yard.world.books.lanes[OWN].outstanding == {}


def test_mail_overflows_to_the_relay_its_stream_names(tmp_path):
    streams = [
        stream("bulk", pools=["news"], when_full="overflow", relay="esp"),
        stream("remaining", when_full="overflow"),
    ]
    yard = Yard(tmp_path, pooled(streams=streams))
    for lane in (OWN, NEWS):
        yard.shut(lane)

    assert yard.ask("4cAb00000001z7", sender="bulk@example.com") == "FILTER relay-out-esp:[b.example]:587"
    assert yard.ask("4cAb00000002z7", sender="remaining@example.com") == "FILTER relay-out:[a.example]:587"


def test_a_stream_without_any_address_here_is_put_off_and_leaves_by_no_other(tmp_path):
    yard = Yard(tmp_path, pooled(of(10)))

    assert yard.ask(sender="bulk@example.com") == "FILTER gate-bulk:[127.77.0.16]:10026"
    assert yard.at_gate("4cAb00000003z7", "127.77.0.16").startswith("451 4.3.5 ")


@pytest.mark.parametrize("state", ["held", "deferred", "passed"])
def test_mail_of_an_address_that_is_gone_stays_in_its_streams_pool_though_its_login_is_forgotten(tmp_path, state):
    yard = Yard(tmp_path, pooled(of(10), of(11, "news"), of(12, "news")))
    yard.shut(MORE)
    if state == "held":
        yard.shut(NEWS)
    yard.ask("4cAb00000001z7", sasl_username="bulk-app")
    if state == "deferred":
        yard.world.store.execute("UPDATE message SET state = 'deferred'")

    yard = yard.crash(pooled(of(10), of(12, "news")))
    yard.once()  # Postfix has it in hand, unless it is held
    yard.queue.hold, yard.queue.other = {**yard.queue.hold, **yard.queue.other}, {}
    yard.once()

    assert set(yard.requeued) == {"4cAb00000001z7"}
    assert yard.queue.hold == {}
    assert yard.at_gate("4cAb00000002z7") == by(MORE)
    assert yard.world.store.one("SELECT count(*) FROM expected") == 0


def test_messages_of_two_streams_that_look_alike_do_not_change_places(tmp_path):
    streams = [stream("bulk", senders=[], pools=["news"]), stream("other", senders=[])]
    yard = Yard(tmp_path, pooled(of(10), of(11, "news"), streams=streams))
    for lane in (OWN, NEWS):
        yard.shut(lane)
    yard.ask("4cAb00000001z7", sasl_username="bulk-app")
    yard.ask("4cAb00000002z7", sasl_username="other-app")

    yard = yard.crash(pooled(of(20), of(21, "news"), streams=streams))
    yard.once()
    first = yard.requeued
    answers = [yard.at_gate("4cAb00000003z7")]
    yard.once()
    answers.append(yard.at_gate("4cAb00000004z7"))

    pools = {"4cAb00000001z7": by("v4-192-0-2-21-google"), "4cAb00000002z7": by("v4-192-0-2-20-google")}
    assert len(first) == 1
    assert answers == [pools[it] for it in yard.requeued] or answers == [
        pools[first[0]],
        *set(pools.values()) - {pools[first[0]]},
    ]


def test_mail_held_at_an_address_that_went_to_another_pool_leaves_it(tmp_path):
    yard = Yard(tmp_path, pooled(of(10), of(11, "news"), of(12, "news")))
    yard.shut(NEWS)
    yard.shut(MORE)
    yard.ask("4cAb00000001z7", sasl_username="bulk-app")

    yard = yard.crash(pooled(of(10), of(11), of(12, "news")))
    yard.once()

    assert yard.requeued == ["4cAb00000001z7"]
    assert yard.at_gate("4cAb00000002z7") == by(MORE)


def test_held_mail_of_an_address_that_left_the_host_leaves_from_another_of_its_pool(tmp_path):
    yard = Yard(tmp_path, pooled(of(10), of(11, "news"), of(12, "news")))
    yard.shut(NEWS, "paused")
    yard.shut(MORE, "paused")
    yard.ask("4cAb00000001z7", sasl_username="bulk-app")
    yard.world.books.looked(frozenset(["192.0.2.11"]))
    yard.once()
    early = yard.requeued

    yard.shut(MORE, "normal")
    yard.once()

    assert (early, yard.requeued) == ([], ["4cAb00000001z7"])
    assert yard.at_gate("4cAb00000002z7") == by(MORE)


def test_an_absent_address_is_told_and_takes_mail_again_when_it_is_back(tmp_path):
    yard = Yard(tmp_path, pooled())
    books = yard.world.books

    books.looked(frozenset(["192.0.2.10"]))
    gone = (yard.ask("4cAb00000001z7"), list(books.problems.values()))
    books.looked(frozenset())

    assert gone == (held(OWN), ["192.0.2.10 is not on this host, nothing leaves from it; put it on an interface"])
    assert (yard.ask("4cAb00000002z7", recipient="a@other.test"), books.problems) == (by("v4-192-0-2-10-other"), {})


def test_presence_is_what_the_kernel_says_of_binding():
    assert presence.absent(["127.0.0.1", "192.0.2.10", "2001:db8::10"]) == {"192.0.2.10", "2001:db8::10"}


def test_the_fallback_serves_recipients_that_the_pool_cannot_reach(tmp_path):
    six = address("2001:db8::11", "v6-2001-db8-0-0-0-0-0-11", None) | {"pool": "news"}
    world = World(tmp_path, pooled(of(10), six))
    lanes = [it for it in world.books.lanes.values() if it.lane.provider.name == "google"]

    def found(*versions, pools=("news", "default")):
        return [it.name for it in ways(lanes, pools, frozenset(versions), world.books.now()).lanes]

    assert found(4) == [OWN]
    assert found(4, 6) == found() == ["v6-2001-db8-0-0-0-0-0-11-google"]
    assert found(4, pools=("news",)) == ["v6-2001-db8-0-0-0-0-0-11-google"], "for Postfix to say so"
    assert found(pools=()) == []


def test_a_database_of_an_agent_without_pools_is_used_on(tmp_path):
    Store(tmp_path / "pacing.db").close()
    with sqlite3.connect(tmp_path / "pacing.db") as old:
        old.execute("ALTER TABLE expected DROP COLUMN stream")

    store = Store(tmp_path / "pacing.db")

    assert store.set_aside is None
    assert store.execute("SELECT stream FROM expected").fetchall() == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"via": "none"}, "streams[0].via: there is no relay 'none'"),
        ({"when_full": "overflow", "relay": "none"}, "streams[0].when_full: overflow needs a relay"),
        ({"pools": []}, "streams[0].pools: lists none"),
        ({"pools": ["news"], "when_full": "fallback"}, "streams[0].when_full: fallback needs a second pool"),
        ({"gate": {"server": "127.1.1.1", "filter": "nowhere"}}, "streams[0].gate.filter: must be transport:nexthop"),
    ],
)
def test_a_stream_that_leads_nowhere_is_told(changes, problem):
    with pytest.raises(ConfigError) as caught:
        pooled(streams=[stream("bulk", **changes)])
    assert problem in str(caught.value)


KINDS = {
    "none": ("x@example.com", ""),
    "a": ("a@example.com", ""),
    "b": ("x@example.com", "b-app"),
    "c": ("c@example.com", ""),
}
NAMES = ("default", "p", "q")
MESSAGE = st.tuples(
    st.just("mail"), st.sampled_from(sorted(KINDS)), st.sampled_from(["gmail.test", "o.test"]), st.booleans()
)
EVENT = st.one_of(
    MESSAGE,
    MESSAGE,
    st.tuples(st.just("shut"), st.integers(0, 3), st.sampled_from(["stopped", "paused", "normal"])),
    st.tuples(st.just("absent"), st.frozensets(st.integers(0, 3))),
    st.tuples(st.just("anew"), st.lists(st.sampled_from(NAMES), min_size=4, max_size=4)),
    st.tuples(st.just("work")),
)


class Everywhere(Yard):
    """A yard that knows of each message whose it is, and lets what is released or taken in anew go its way."""

    def message(self, kind, domain, several):
        queue_id = f"4cAb{self.number:08d}z7"
        self.number += 1
        sender, user = KINDS[kind]
        if several:
            gate = self.ask(queue_id, sender=sender, sasl_username=user, recipient_count="2", recipient="")
            server = re.search(r"\[(127[.0-9]+)\]", gate)[1]
            self.queue.other.pop(queue_id)
            answer = self.at_gate(queue_id, server, sender=sender, recipient=f"u{self.number}@{domain}")
        else:
            answer = self.ask(queue_id, sender=sender, sasl_username=user, recipient=f"u{self.number}@{domain}")
        self.whose[queue_id] = kind, sender, f"u{self.number}@{domain}"
        self.right(kind, answer)

    def right(self, kind, answer):
        found = re.search(r"v4[-_]192[-_]0[-_]2[-_](\d+)", answer)
        pools = self.world.books.config.pools_of({"none": ""}.get(kind, kind))
        if found:
            pool = next(it.pool for it in self.world.books.config.addresses if it.ip == f"192.0.2.{found[1]}")
            assert pool in pools, (kind, answer)
        else:
            assert (
                answer.startswith("FILTER relay-out-esp:") if not pools else answer.startswith(("FILTER gate", "451"))
            ), answer

    def work(self):
        before = {*self.queue.hold}
        self.once()
        moved = {it for what, ids in self.queue.events if what == "requeue" for it in ids}
        for queue_id in sorted((before - {*self.queue.hold}) & moved):
            if queue_id not in self.queue.other:
                kind, sender, recipient = self.whose[queue_id]
                new = f"4cAb{self.number:08d}z7"
                self.number += 1
                self.whose[new] = self.whose[queue_id]
                self.right(kind, self.at_gate(new, sender=sender, recipient=recipient))


@given(st.lists(MESSAGE, max_size=5), st.lists(EVENT, max_size=25))
@settings(max_examples=60, deadline=None)
def test_whatever_happens_mail_is_given_no_lane_of_a_pool_that_is_not_its_streams(messages, events):
    streams = [stream("a", pools=["p"]), stream("b", senders=[], pools=["q", "p"]), stream("c", via="esp")]
    for it, server in zip(streams, ("127.77.1.1", "127.77.1.2", "127.77.1.3"), strict=True):
        it["gate"] = {"server": server, "filter": f"gate-{it['name']}:[{server}]:10026"}

    def configured(pools, first=10):
        return pooled(*(of(first + at, pool) for at, pool in enumerate(pools)), streams=streams)

    with tempfile.TemporaryDirectory() as base:
        yard = Everywhere(Path(base), configured(["default", "p", "q", "q"]))
        yard.number, yard.whose = 0, {}
        for lane in yard.world.books.lanes:
            yard.shut(lane)  # so that the first messages are held
        for event in [*messages, *events]:
            lanes, books = list(yard.world.books.lanes), yard.world.books
            match event:
                case ("mail", kind, domain, several):
                    yard.message(kind, domain, several)
                case ("shut", at, mode):
                    yard.shut(lanes[at * 3], mode)
                case ("absent", which):
                    books.looked(frozenset(books.config.addresses[at].ip for at in which))
                case ("anew", pools):
                    number, whose = yard.number, yard.whose
                    yard = Everywhere(None, None, yard.queue, yard.world.again(configured(pools, 10 + number % 3)))
                    yard.number, yard.whose = number, whose
                case _:
                    yard.work()
        yard.world.store.close()
