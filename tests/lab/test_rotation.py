"""Keys rotate by applies alone, while an application sends several messages a second: none is lost, unsigned or badly signed.

The tests build on each other: each goes on from the keys the one before left, at a clock that only grows. From the
second on there are two hosts that share the domain.
"""

import time
from dataclasses import dataclass, replace

import pytest
from inbox import arrived, assert_all_signed, by_selector, unsound
from mailqueue import hold, release, wait_until_queued
from operators import project
from rotating import (
    BEFORE_PROOF,
    CLEAR,
    DELETE,
    EVERY,
    PUBLISH,
    REVOKE,
    ROTATION,
    SELF,
    SWITCH,
    Clock,
    Course,
    assert_delivered,
    lying,
    offline,
    shown,
    signed_with,
)
from traffic import Traffic

from postwright.lab import mail, state

pytestmark = pytest.mark.lab

LAB, HOST, OTHER = "lab4", "mx3", "mx1"
CLOCK = Clock()
LONG_CACHED = '[it.update(ttl=600) for it in fleet["zones"]]'  # so that no step is due while one is looked at
AT_ONCE = 'fleet["rollout"] = {"canary": False}'  # test_canary.py rotates the keys of one host after the other
QUEUED = 2  # messages of each kind that wait


@dataclass(frozen=True)
class Seen:
    """What there was after a step: state and record of each key, which lie on the host, and whether another apply did more."""

    states: dict[str, str]
    records: dict[str, str]
    lying: set[str]
    again: bool


@pytest.fixture(scope="module")
def alone(operator):
    """The course of one host, which signs."""
    course = Course(operator.changed("alone", f"{EVERY}\n{LONG_CACHED}"), CLOCK)
    course.apply()
    return course


@pytest.fixture(scope="module")
def both(operator, alone):
    """The course of two hosts, which sign with the same key."""
    operator.run("lab", "up", "--host", OTHER)
    two = project(alone.operator.folder.parent / "two", LAB, HOST, OTHER)
    course = Course(two.changed("both", f"{EVERY}\n{AT_ONCE}"), CLOCK)
    course.apply()
    return course


def step(course, after, *selectors):
    """Apply twice; what came of it. Keys that are made now are seen as well."""
    course.apply(after)
    states = course.listed()
    records = {selector: shown(LAB, selector) for selector in dict.fromkeys((*selectors, *states))}
    return Seen(states, records, lying(course.operator), again=course.json(*SELF)["changed"])


def test_a_rotation_goes_by_applies_alone_and_each_does_what_is_due_once(alone):
    (old,) = alone.in_state("active")
    with Traffic(LAB, (HOST,), local=3) as traffic:
        traffic.wait_for(3)
        published, *rest = [step(alone, after, old) for after in ROTATION]
        traffic.wait_for(3)

    (new,) = set(published.states) - {old}
    assert [published, *rest] == [
        Seen({old: "active", new: "published"}, {old: "key", new: "key"}, {old}, again=False),
        Seen({old: "retiring", new: "active"}, {old: "key", new: "key"}, {old, new}, again=False),
        Seen({old: "retiring", new: "active"}, {old: "key", new: "key"}, {new}, again=False),
        Seen({old: "revoked", new: "active"}, {old: "revoked", new: "key"}, {new}, again=False),
        Seen({new: "active"}, {old: "nothing", new: "key"}, {new}, again=False),
    ]
    assert set(assert_delivered(traffic)) == {(HOST, old), (HOST, new)}


def test_the_key_of_two_hosts_retires_only_after_both_are_proven_to_sign_with_the_next(both):
    (old,) = both.in_state("active")
    with Traffic(LAB, (HOST, OTHER)) as traffic:
        traffic.wait_for(3)
        both.apply(PUBLISH)
        with both.paused(BEFORE_PROOF, SWITCH) as ended:
            switched, unproven = [both.tables(host) for host in (HOST, OTHER)], both.states()
        settled = both.states()
        traffic.wait_for(3)
        for after in (CLEAR, REVOKE, DELETE):
            both.apply(after)

    (new,) = both.states()
    assert switched == [{new}, {new}]
    assert unproven == {old: "active", new: "confirmed"}
    assert (ended[0].status, settled) == (0, {old: "retiring", new: "active"})
    assert (shown(LAB, old), shown(LAB, new)) == ("nothing", "key")
    assert set(assert_delivered(traffic)) == {(host, key) for host in (HOST, OTHER) for key in (old, new)}


def test_mail_that_waits_longer_than_a_rotation_keeps_its_key_in_dns(both):
    (old,) = both.in_state("active")
    described = state.load(LAB)
    with offline(LAB, HOST):
        held = [mail.send(described, host=HOST) for _ in range(QUEUED)]
        wait_until_queued(LAB, HOST, "deferred", QUEUED)
        hold(LAB, HOST)
        deferred = [mail.send(described, host=HOST) for _ in range(QUEUED)]
        wait_until_queued(LAB, HOST, "deferred", QUEUED)
        for after in (PUBLISH, SWITCH, CLEAR, 2 * DELETE):
            both.apply(after)
        waiting, record = both.states()[old], shown(LAB, old)
        notes = both.json("plan")["dns"]["notes"]
    release(LAB, HOST)
    verdicts = arrived(LAB, [*held, *deferred])
    both.apply()

    assert (waiting, record) == ("retiring", "key")
    assert any(f"{HOST}: 4 in the queue signed with {old} of shop.test, 2 of them on hold" in note for note in notes)
    assert_all_signed(verdicts)
    assert {it.selector for verdict in verdicts.values() for it in verdict.dkim} == {old}
    assert (both.states()[old], shown(LAB, old)) == ("revoked", "revoked")


def test_a_key_that_was_stolen_signs_nothing_and_is_revoked_when_the_command_returns(both):
    (old,) = both.in_state("active")
    with offline(LAB, OTHER):
        lost = [mail.send(state.load(LAB), host=OTHER) for _ in range(QUEUED)]
        wait_until_queued(LAB, OTHER, "deferred", QUEUED)
        with Traffic(LAB, (HOST,), per_second=20) as traffic:
            traffic.wait_for(3)
            told = both.json("keys", "revoke", "--compromised", "--domain", "shop.test", "--yes", "--no-verify")
            moment = time.time()
            traffic.wait_for(20)

    (new,) = both.in_state("active")
    verdicts = arrived(LAB, traffic.tokens)
    later = {taken.token: verdicts[taken.token] for taken in traffic.accepted if taken.moment > moment}
    assert told["will_fail"] == [f"{OTHER}: {len(lost)} in the queue signed with {old} of shop.test"]
    assert (told["left"], both.states()[old], shown(LAB, old)) == ([], "revoked", "revoked")
    assert [both.tables(host) for host in (HOST, OTHER)] == [{new}, {new}]
    assert_all_signed(later)
    assert set(by_selector(later, traffic.sources)) == {(HOST, new)}
    assert {fault.partition(": ")[0] for fault in unsound(verdicts, "shop.test")} <= signed_by(verdicts, old)
    assert signed_with(LAB, HOST, OTHER) == [{new}, {new}]


def signed_by(verdicts, selector):
    return {token for token, found in verdicts.items() if selector in {it.selector for it in found.dkim}}


def test_a_rotation_can_be_one_command_and_can_be_taken_back_by_another(both):
    (old,) = both.in_state("active")
    with Traffic(LAB, (HOST, OTHER)) as traffic:
        traffic.wait_for(3)
        both.run("keys", "rotate", "--settle", "--yes", "--no-verify")
        (new,) = both.in_state("active")
        forth = both.states()[old], signed_with(LAB, HOST, OTHER)
        both.run("keys", "rotate", "--back", "--yes", "--no-verify")
        back = both.states()[new], both.in_state("active"), signed_with(LAB, HOST, OTHER)
        again = both.apply(SWITCH)
        traffic.wait_for(3)

    assert forth == ("retiring", [{new}, {new}])
    assert back == ("retiring", [old], [{old}, {old}])
    assert not again["changed"]
    assert set(assert_delivered(traffic)) == {(host, key) for host in (HOST, OTHER) for key in (old, new)}


def test_a_second_algorithm_comes_rotates_and_goes_and_no_signature_fails(both):
    dual = replace(both, operator=both.operator.changed("dual", f'{EVERY}\nfleet["keys"]["algorithm"] = "rsa+ed25519"'))
    (old,) = both.in_state("active")
    with Traffic(LAB, (HOST, OTHER)) as traffic:
        traffic.wait_for(3)
        dual.apply()
        early = signed_with(LAB, HOST)
        dual.apply(SWITCH)
        (first,) = signed_with(LAB, HOST)
        dual.apply(PUBLISH)
        dual.apply(SWITCH)
        (second,) = signed_with(LAB, HOST)
        both.apply()
        (last,) = signed_with(LAB, HOST)
        traffic.wait_for(3)

    assert early == [{old}]
    assert old in first
    assert (len(first), len(second), first & second) == (2, 2, set())
    assert len(last) == 1
    assert last < second
    assert {key for _, key in assert_delivered(traffic)} == first | second


def test_each_host_gets_a_key_of_its_own_and_all_share_one_again(both):
    own = replace(both, operator=both.operator.changed("own", f'{EVERY}\nfleet["keys"]["per_host"] = True'))
    (shared,) = both.in_state("active")
    with Traffic(LAB, (HOST, OTHER)) as traffic:
        traffic.wait_for(3)
        own.apply()
        own.apply(SWITCH)
        (one,), (two,) = signed_with(LAB, HOST, OTHER)
        both.apply()
        both.apply(SWITCH)
        (again,), (too,) = signed_with(LAB, HOST, OTHER)
        traffic.wait_for(3)

    assert len({shared, one, two, again}) == 4
    assert again == too
    assert set(assert_delivered(traffic)) == {
        (HOST, shared), (OTHER, shared), (HOST, one), (OTHER, two), (HOST, again), (OTHER, again)
    }  # fmt: skip
