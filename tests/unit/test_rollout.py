"""Hosts follow each other in waves, and whoever is stopped reads who has the new state."""

from dataclasses import replace

import pytest
from support import context, host_data, mail_fleet, problems, project

from postwright.apply import Landed, _note
from postwright.draining import Queue
from postwright.errors import UsageError
from postwright.hosts.plan import HostPlan
from postwright.model import Rollout
from postwright.rollout import require_known, standing, waves
from postwright.services.bundle import bundle
from postwright.terms import OfHosts, Terms


def plans(**changes):
    return [HostPlan(host, (), (), restarts=("Postfix",) * number) for host, number in changes.items()]


@pytest.mark.parametrize(
    ("rollout", "found", "canary", "expected"),
    [
        ({}, {"a": 1}, None, [("a",)]),
        ({}, {"a": 0, "b": 0}, None, [("a", "b")]),
        ({}, {"a": 0, "b": 1, "c": 1}, None, [("b",), ("c",), ("a",)]),
        ({"batch": 2}, {"a": 1, "b": 1, "c": 1, "d": 1}, None, [("a",), ("b", "c"), ("d",)]),
        ({"canary": False}, {"a": 1, "b": 1}, None, [("a", "b")]),
        ({}, {"a": 1, "b": 1, "c": 1}, "c", [("c",), ("a", "b")]),
        ({"canary": False}, {"a": 1, "b": 0}, "b", [("b",), ("a",)]),
    ],
)
def test_one_host_comes_first_then_batches_of_those_that_change_then_the_others(rollout, found, canary, expected):
    assert list(waves(Rollout(**rollout), plans(**found), canary)) == expected


def test_whoever_is_stopped_reads_which_hosts_have_which_state():
    assert standing(["a"], ["b"], [], ["c", "d"]) == (
        "hosts with the new state, proven: a; begun and not proven: b; still with the old state: c, d"
    )


def test_a_host_that_could_not_even_be_reached_is_not_told_as_begun():
    landed = Landed(done=["a"], waves=(("a",), ("b", "c"), ("d",)))
    for host in "ab":
        _note(landed, {"event": "step", "host": host, "step": "mail host | install packages"}, lambda *_: None)

    assert landed.standing().endswith("begun and not proven: b; tried, unchanged: c; still with the old state: d")


def test_a_host_that_is_not_in_the_inventory_is_refused():
    with pytest.raises(UsageError, match="no host mx9 in the inventory; there are mx1, mx2"):
        require_known(["mx1", "mx2"], None, "mx9", "mx1")


@pytest.mark.parametrize(
    ("rollout", "said"),
    [
        ({"batch": 0}, "batch: input should be greater than or equal to 1"),
        ({"generations": 1}, "generations: input should be greater than or equal to 2"),
        ({"canaries": True}, "canaries: unknown key"),
    ],
)
def test_a_rollout_that_makes_no_sense_is_refused_with_its_place(tmp_path, rollout, said):
    (found,) = problems(tmp_path, host_data(fleet=mail_fleet(rollout=rollout)))

    assert f"mail_fleet.rollout.{said}" in found


def test_a_fleet_keeps_five_states_unless_it_says_otherwise(tmp_path):
    assert project(tmp_path).fleet.rollout.generations == 5
    assert bundle(context(tmp_path)).generations == 5


@pytest.mark.parametrize(
    ("terms", "now", "then"),
    [
        (OfHosts(), True, True),
        (OfHosts(), False, False),
        (OfHosts(drain="mx1"), False, True),
        (OfHosts(undrain="mx1"), True, False),
        (OfHosts(drain="mx2", undrain="mx3"), True, True),
    ],
)
def test_a_host_stays_drained_until_it_is_told_otherwise(terms, now, then):
    assert terms.drained("mx1", now=now) is then
    assert Terms(drain=terms.drain, undrain=terms.undrain).of_hosts == terms


def test_a_drained_host_listens_to_nobody_outside_and_keeps_the_ways_mail_leaves_by(tmp_path):
    open_, drained = (bundle(replace(context(tmp_path), drained=it)) for it in (False, True))
    masters = [
        next(it.content.decode() for it in made.files if it.path.endswith("master.cf")) for made in (open_, drained)
    ]
    listening = [
        {line.split()[0] for line in text.splitlines() if line[:1] not in "# " and " inet " in line} for text in masters
    ]

    assert {"smtp", "submission", "submissions"} <= listening[0]
    assert listening[1] == {"127.0.0.1:smtp", "127.0.0.1:10925"}
    assert "  -o smtpd_client_restrictions=defer\n" in masters[1]
    assert drained.files[-1].path == "/etc/postwright/files"
    paths = [it.path for it in drained.files]
    assert paths.index("/etc/postwright/drained") < paths.index("/etc/postfix/main.cf")


@pytest.mark.parametrize(
    ("queue", "said"),
    [
        (Queue("mx1", 0, 0, 0, 0), "host mx1: its queue is empty"),
        (Queue("mx1", 1, 2, 0, 0), "1 on its way; 2 deferred, tried again later"),
        (
            Queue("mx1", 0, 0, 3, 4),
            "3 held by pacing until their budget comes; 4 held by a person until `postsuper -r`",
        ),
    ],
)
def test_what_remains_in_a_queue_is_said_with_why(queue, said):
    assert said in str(queue)
    assert queue.to_json()["empty"] is queue.empty
