"""A rotation meets what can go wrong, while an application sends all the time: no message is lost, unsigned or badly signed.

The tests build on each other: each goes on from the key the one before left active, at a clock that only grows (but where
it is the clock that jumps). `assert_sound` looks after every apply, whole or cut short, at keyring, tables and DNS.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import dns.query
import dns.tsig
import dns.update
import pytest
from mailqueue import flush
from operators import project
from rotating import (
    ANY,
    BEFORE_PROOF,
    CLEAR,
    DELETE,
    EVERY,
    EVERY_CROSSING,
    PUBLISH,
    REVOKE,
    ROTATION,
    SELF,
    SWITCH,
    Clock,
    Course,
    assert_delivered,
    killed_everywhere,
    shown,
    signed_with,
)
from stale_server import StaleServer
from traffic import Traffic

from postwright.lab import state

pytestmark = pytest.mark.lab

LAB, HOST, OTHER = "lab9", "mx3", "mx1"
CLOCK = Clock()
DAY = timedelta(days=1)

# What the keyring says of the keys of the domain, the old one and the new one, after each transition.
CAME = tuple(
    " ".join(f"{ANY}={state}" for state in states.split())
    for states in (
        "active generated", "active published", "active confirmed", "retiring active", "revoked active", "deleted active"
    )
)  # fmt: skip
AT_MOST = 1000 if EVERY_CROSSING else 60  # kills


@pytest.fixture(scope="module")
def alone(operator):
    """The course of one host, which signs."""
    course = Course(operator.changed("alone", EVERY), CLOCK)
    course.apply()
    return course


@pytest.fixture(scope="module")
def both(operator, alone):
    """The course of two hosts, which sign with the same key."""
    operator.run("lab", "up", "--host", OTHER)
    two = project(alone.operator.folder.parent / "two", LAB, HOST, OTHER)
    course = Course(two.changed("both", EVERY), CLOCK)
    course.apply()
    return course


def active(course):
    """The one key that is."""
    (selector,) = course.in_state("active")
    return selector


def rest_of(course, *steps):
    """The other steps of the rotation; afterwards there is one key."""
    for after in steps:
        course.apply(after)
    (selector,) = course.states()
    assert (course.states()[selector], course.tables()) == ("active", {selector})
    return selector


def test_an_apply_killed_at_any_transition_is_gone_on_with_by_the_next(alone):
    """In each step a run dies at the first crossing at which none has died before, until one does not."""
    old, dead = active(alone), []
    with Traffic(LAB, (HOST,)) as traffic:
        traffic.wait_for(3)
        for after in ROTATION:
            CLOCK.move(after)
            dead += killed_everywhere(alone, AT_MOST - len(dead))
        traffic.wait_for(3)
        new = rest_of(alone)

    if EVERY_CROSSING:
        print(f"\n{len(dead)} kills, {len(traffic.tokens)} messages; killed:", *dead, sep="\n  ")  # noqa: T201 - the figures
    assert set(assert_delivered(traffic)) == {(HOST, old), (HOST, new)}
    for came in CAME:
        sides = {line.partition("\t")[0] for line in dead if line.endswith(came) and "lifecycle.json" in line}
        assert sides == {"before", "after"}, came


def test_a_name_server_that_is_down_stops_every_step_before_it_is_taken(alone):
    """Without traffic: the receiver asks the same server for the keys."""
    old = active(alone)
    told = []
    for after in ROTATION:
        before = alone.states(), alone.tables()
        with down(alone):
            CLOCK.move(after)
            done = alone.run(*SELF, check=False)
        told.append((done.returncode, (alone.states(), alone.tables()) == before))
        alone.apply()

    new = rest_of(alone)
    assert told == [(1, True)] * len(ROTATION)
    assert new != old
    assert signed_with(LAB, HOST) == [{new}]


@contextmanager
def down(course) -> Iterator[None]:
    """The lab's only name server is, for the time of the block."""
    course.operator.on_host("systemctl stop knot", host="ns")
    try:
        yield
    finally:
        course.operator.on_host("systemctl start knot", host="ns")


def test_no_host_signs_with_a_key_that_one_of_two_name_servers_does_not_show(alone):
    old = active(alone)
    with StaleServer(LAB) as second, Traffic(LAB, (HOST,)) as traffic:
        two = replace(alone, operator=alone.operator.changed("two-servers", f"{EVERY}\n{second.code}"))
        traffic.wait_for(3)
        second.freeze()
        stale = [two.killed(0, after, seconds_to_be_seen=1) for after in (PUBLISH, SWITCH, 5 * DAY)]
        unseen = two.states(), two.tables()
        second.follow()
        two.apply()
        second.stop()
        silent = two.killed(0, SWITCH, seconds_to_be_seen=1)
        unanswered = two.states(), two.tables()
        second.follow()
        two.apply()
        switched = two.tables()
        traffic.wait_for(3)
        new = rest_of(two, CLEAR, REVOKE, DELETE)

    assert [ended.status for ended in (*stale, silent)] == [1] * 4
    assert "missing" in stale[0].stderr
    assert unseen == ({old: "active", new: "generated"}, {old})
    assert unanswered == ({old: "active", new: "published"}, {old})
    assert switched == {new}
    assert set(assert_delivered(traffic)) == {(HOST, old), (HOST, new)}


def test_a_reload_that_fails_leaves_the_old_key_signing_and_in_dns(alone):
    old = active(alone)
    with Traffic(LAB, (HOST,)) as traffic:
        traffic.wait_for(3)
        alone.apply(PUBLISH)
        alone.operator.break_reload()
        said = alone.fails(SWITCH)
        (used,) = signed_with(LAB, HOST)
        kept = alone.states()[old], shown(LAB, old)
        alone.operator.mend_reload()
        alone.apply()
        traffic.wait_for(3)
        new = rest_of(alone, CLEAR, REVOKE, DELETE)

    assert f"host {HOST}" in said
    assert (used, kept) == ({old}, ("active", "key"))
    assert set(assert_delivered(traffic)) == {(HOST, old), (HOST, new)}


def test_a_clock_that_jumps_a_year_ahead_and_back_costs_no_signature(alone):
    old = active(alone)
    with Traffic(LAB, (HOST,)) as traffic:
        traffic.wait_for(3)
        alone.apply(PUBLISH)
        CLOCK.move(400 * DAY)
        alone.apply()
        CLOCK.move(-400 * DAY)
        ahead = alone.states()
        back = alone.apply()
        alone.apply(SWITCH)
        new = rest_of(alone, CLEAR, REVOKE, DELETE)
        traffic.wait_for(3)

    assert ahead == {old: "retiring", new: "active"}
    assert [step["to"] for step in back["keys"]] == []
    assert set(assert_delivered(traffic)) == {(HOST, old), (HOST, new)}


def test_a_key_whose_proof_fails_is_taken_back_and_tried_again_a_day_later(alone):
    """Without traffic: what is signed with the new key, while somebody has taken it from DNS, is bound to fail."""
    old = active(alone)
    alone.apply(PUBLISH)
    (new,) = alone.in_state("published")
    with alone.paused(BEFORE_PROOF, SWITCH) as ended:
        switched = alone.tables()
        deleted(f"{new}._domainkey")
    failed, held, signing = ended[0], alone.states(), signed_with(LAB, HOST)
    row = next(row for row in alone.json("keys", "list") if row["selector"] == new)
    alone.apply()
    early, published = alone.tables(), shown(LAB, new)
    alone.apply(DAY + SWITCH)

    assert switched == {new}
    assert failed.status == 1
    assert "hosts sign with the key before again for shop.test" in failed.stderr
    assert held == {old: "active", new: "published"}
    assert signing == [{old}]
    assert (row["next"], "held back" in row["note"]) == ("tried again", True)
    assert (early, published) == ({old}, "key")
    assert signed_with(LAB, HOST) == [{new}]
    assert alone.states() == {old: "retiring", new: "active"}
    rest_of(alone, CLEAR, REVOKE, DELETE)


def deleted(name):
    """Somebody removes a record of the domain, not by way of postwright."""
    lab = state.load(LAB)
    key = dns.tsig.Key(lab.tsig.name, lab.tsig.secret_file.read_text().strip(), lab.tsig.algorithm)
    update = dns.update.UpdateMessage("shop.test", keyring={key.name: key})
    update.delete(name)
    assert dns.query.tcp(update, lab.nameserver, timeout=10).rcode() == 0


def test_two_operators_at_once_do_not_get_in_each_others_way(alone, tmp_path):
    """One at a time in one project; from a copy of the keyring that has fallen behind nothing is done, neither in DNS nor on hosts."""
    old = active(alone)
    early, late = [copied(alone, tmp_path / name) for name in ("early", "late")]
    with Traffic(LAB, (HOST,)) as traffic:
        traffic.wait_for(3)
        with alone.paused(r"after\tupdate shop\.test", PUBLISH) as ended:
            second = alone.fails()
        conflict = early.run(*SELF, check=False)  # it would have the same selector
        alone.apply(SWITCH)
        CLOCK.move(DAY)
        unknown = late.run(*SELF, check=False)
        alone.apply()
        new, signing = active(alone), signed_with(LAB, HOST)
        traffic.wait_for(3)
        rest_of(alone, CLEAR, REVOKE, DELETE)

    assert ended[0].status == 0
    assert "another apply is at work: root on" in second
    assert (conflict.returncode, unknown.returncode) == (1, 1)
    assert f"{new}._domainkey.shop.test TXT: somebody else's value stands where only ours may" in conflict.stderr
    assert f"host {HOST}: has keys that {late.directory} does not know: {new} of shop.test" in unknown.stderr
    assert new != old
    assert signing == [{new}]
    assert set(assert_delivered(traffic)) == {(HOST, old), (HOST, new)}


def copied(course, folder):
    """A project on the same hosts with copies of keyring and ledger, as on another machine."""
    for name in ("keys", "dns-ledger"):
        shutil.copytree(course.directory.with_name(name), folder / name)
    places = f'fleet["keys"]["directory"], fleet["ledger"] = "{folder}/keys", "{folder}/dns-ledger"'
    return replace(course, operator=course.operator.changed(folder.name, f"{EVERY}\n{places}"), copy=folder)


def test_a_host_that_is_down_during_the_switch_keeps_the_old_key_from_retiring(both):
    old = active(both)
    with Traffic(LAB, (HOST, OTHER), seconds=3) as traffic:
        traffic.wait_for(3)
        both.apply(PUBLISH)
        with both.paused(f"at\tstep {HOST} ", SWITCH) as ended:
            both.operator.cut_power(OTHER)
        failed, kept = ended[0], both.states()
        (new,) = set(kept) - {old}
        records = shown(LAB, old), shown(LAB, new)
        both.operator.boot(OTHER)
        both.apply()
        done = both.states(), both.tables(HOST), both.tables(OTHER)
        traffic.wait_for(3)
    flush(LAB, OTHER)

    assert failed.status == 1
    assert OTHER in failed.stderr
    assert (kept, records) == ({old: "active", new: "confirmed"}, ("key", "key"))
    assert done == ({old: "retiring", new: "active"}, {new}, {new})
    assert set(assert_delivered(traffic)) == {(host, key) for host in (HOST, OTHER) for key in (old, new)}
    rest_of(both, CLEAR, REVOKE, DELETE)
