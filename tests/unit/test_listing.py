"""An operator reads of every key how old it is, what comes next, when, and what holds it up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support import host_data, mail_fleet, project

from postwright import clock
from postwright.dns import ledger
from postwright.dns.records import Record
from postwright.keys.key import STATES, Key
from postwright.material import keyring_of
from postwright.rotation.listing import lines, rows

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NAME = "example.com"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A project whose clock stands still and whose keys are rotated every 90 days."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    keys = mail_fleet()["keys"] | {"rotate_every": "90d"}
    return project(tmp_path, host_data(fleet=mail_fleet(keys=keys)))


def key(selector="s1", state="active", age=DAY, **changes):
    history = {"generated": NOW - 10 * DAY, state: NOW - age}
    return replace(Key(selector, state, "rsa", 2048, "AAAA", history=history), **changes)


def published(made, *names):
    """The ledger says that we wrote these."""
    records = (Record(name, "TXT", 300, '"v=DKIM1; p=AAAA"') for name in names)
    ledger.write(made.path(made.fleet.ledger), NAME, records)


def listed(made, *keys):
    keyring_of(made).write(NAME, keys)
    return rows(made, deleted=True)


def shown(made, *keys):
    """What an operator reads, without the heading."""
    return list(lines(listed(made, *keys), NOW))[1:]


@pytest.mark.parametrize(
    ("it", "following", "when"),
    [
        (key(state="generated"), "published", None),
        (key(state="published", usable=NOW + HOUR), "hosts sign with it", NOW + HOUR),
        (key(state="confirmed"), "hosts sign with it", None),
        (key(age=2 * DAY), "replaced", NOW + 88 * DAY),
        (key(state="retiring", age=2 * DAY), "revoked, once no queue holds mail it signed", NOW + 5 * DAY),
        (key(state="revoked", age=2 * DAY), "deleted", NOW + 28 * DAY),
        (key(state="revoked", age=2 * DAY, told=NOW - DAY), "deleted", NOW + 29 * DAY),
        (key(state="deleted"), "", None),
        (key(compromised=True), "replaced", None),
        (key(state="retiring", compromised=True), "revoked", None),
        (key(state="revoked", compromised=True, told=NOW), "deleted", NOW + 30 * DAY),
    ],
    ids=lambda it: it.state if isinstance(it, Key) else None,
)
def test_what_comes_next_and_when(made, it, following, when):
    (row,) = listed(made, it)
    assert (row.state, row.next, row.when) == (it.state, following, when)


def test_a_key_that_is_held_back_is_tried_again(made):
    history = {"generated": NOW - DAY, "confirmed": NOW - HOUR, "published": NOW}
    (row,) = listed(made, key(state="published", history=history, usable=NOW + DAY, note="held back: mx1: not signed"))
    assert (row.next, row.when) == ("tried again", NOW + DAY)


def test_without_a_period_nothing_is_due(tmp_path):
    made = project(tmp_path)
    (row,) = listed(made, key())
    assert (row.next, row.when) == ("", None)
    assert list(lines([row], NOW))[1].endswith("active  stays until you rotate it")


def test_age_counts_from_when_a_key_was_made_and_is_never_below_nothing(made):
    assert [row.age for row in listed(made, key(), key("s2", age=-DAY, history={"active": NOW + DAY}))] == [10, 0]


def test_deleted_keys_are_listed_only_if_asked_for(made):
    keyring_of(made).write(NAME, (key("s1", "deleted"), key("s2")))
    assert [row.selector for row in rows(made)] == ["s2"]
    assert [row.selector for row in rows(made, deleted=True)] == ["s1", "s2"]


def test_the_keys_of_a_domain_taken_out_of_the_inventory_are_listed_as_long_as_they_live(made):
    ring = keyring_of(made)
    published(made, "s1._domainkey.old.example.com", "s1._domainkey.gone.example.com")
    ring.write("old.example.com", (key("s1", "retiring"),))
    ring.write("gone.example.com", (key("s1", "deleted"),))
    ring.write("other.example", (key("s1"),))
    assert [(row.domain, row.state) for row in rows(made, deleted=True)] == [("old.example.com", "retiring")]


def test_a_line_says_kind_age_state_and_what_is_next(made):
    wide = key("s2", "published", host="mx1", algorithm="ed25519", bits=256, usable=NOW + HOUR)
    assert shown(made, key(), wide) == [
        "  s1       RSA-2048  10 d old  active     from 2027-02-19 on: replaced",
        "  s2  mx1  Ed25519   10 d old  published  from 07:30 UTC on: hosts sign with it",
    ]


@pytest.mark.parametrize("when", [NOW, NOW - HOUR])
def test_what_is_due_comes_by_the_next_apply(made, when):
    (line,) = shown(made, key(state="published", usable=when))
    assert line.endswith("by the next apply: hosts sign with it")


def test_a_compromised_key_is_hard_to_overlook(made):
    (line,) = shown(made, key(compromised=True))
    assert line == "  s1  RSA-2048  10 d old  active  COMPROMISED  by the next apply: replaced"


@pytest.mark.parametrize("state", STATES)
def test_what_holds_a_key_up_is_told_below_it_as_long_as_it_does(made, state):
    said = shown(made, key(state=state, note="held back: mx1: not signed"))
    assert said[1:] == (["    held back: mx1: not signed"] if state == "retiring" else [])


def test_why_a_key_is_held_back_is_told_below_it(made):
    history = {"generated": NOW - DAY, "confirmed": NOW - HOUR, "published": NOW}
    _, note = shown(made, key(state="published", history=history, usable=NOW + DAY, note="held back: mx1: not signed"))
    assert note == "    held back: mx1: not signed"


def test_every_domain_has_a_heading(made):
    ring = keyring_of(made)
    published(made, "s1._domainkey.a.example.com")
    ring.write("a.example.com", (key("s1", "retiring"),))
    ring.write(NAME, (key("s1"), key("s2")))
    assert [line for line in lines(rows(made), NOW) if not line.startswith(" ")] == [NAME, "a.example.com"]


def test_where_there_is_no_key_there_is_nothing_to_read(made):
    assert rows(made) == []
    assert list(lines([], NOW)) == []


def test_moments_are_told_to_programs_as_text(made):
    said = [row.to_json() for row in listed(made, key(age=2 * DAY), key("s2", "confirmed"))]
    assert [(it["since"], it["when"]) for it in said] == [
        ("2026-11-20T06:30:00+00:00", "2027-02-18T06:30:00+00:00"),
        ("2026-11-21T06:30:00+00:00", None),
    ]
