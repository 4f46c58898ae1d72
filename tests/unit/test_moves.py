"""What an apply did to keys is written down when it is true, and once: what is killed in between goes on from there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support import host_data, mail_fleet, signing_key, sound_project

from postwright import clock
from postwright.dns import ledger
from postwright.dns.plan import Change, DnsPlan, ZonePlan
from postwright.dns.records import Record
from postwright.keys.key import Key
from postwright.keys.steps import KeyStep
from postwright.material import keyring_of
from postwright.rotation import moves
from postwright.terms import Terms

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAME = "example.com"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A project whose clock stands still."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return sound_project(tmp_path, host_data(fleet=mail_fleet()))


def put(made, **states):
    """Keys of these states; they have no private half."""
    keys = tuple(
        Key(name, state, "rsa", 2048, "AAAA", history={"generated": NOW - HOUR, "published": NOW - HOUR, state: NOW - HOUR})
        for name, state in states.items()
    )  # fmt: skip
    keyring_of(made).write(NAME, tuple(replace(it, history={**it.history, "confirmed": NOW - HOUR}) for it in keys))


def states(made):
    return {key.selector: key.state for key in keyring_of(made).keys(NAME)}


def step(selector, was, to):
    return KeyStep(NAME, selector, was, to, "rsa", 2048, None, "asked for" if was is None else "")


def test_new_keys_are_made_once_though_the_apply_is_repeated(made):
    planned = [step("new", None, "active")]
    moves.begin(made, planned, Terms())
    (first,) = keyring_of(made).keys(NAME)
    moves.begin(made, planned, Terms())
    assert keyring_of(made).keys(NAME) == (first,)
    assert (first.state, first.why, first.history) == ("generated", "asked for", {"generated": NOW})
    assert keyring_of(made).pem(NAME, "new").exists()


@pytest.mark.parametrize(
    ("was", "to", "state"),
    [
        ("retiring", "revoked", "revoked"),
        ("revoked", "deleted", "deleted"),
        ("published", "deleted", "deleted"),
        ("published", "retiring", "retiring"),
        ("retiring", "active", "confirmed"),
        ("active", "retiring", "active"),
        ("published", "active", "published"),
        ("confirmed", "active", "confirmed"),
    ],
)
def test_before_dns_only_that_is_written_which_nothing_has_to_come_before(made, was, to, state):
    put(made, one=was)
    moves.begin(made, [step("one", was, to)], Terms())
    assert states(made) == {"one": state}


def test_a_step_that_was_planned_for_another_state_is_left_out(made):
    put(made, one="active")
    moves.begin(made, [step("one", "retiring", "revoked")], Terms())
    assert states(made) == {"one": "active"}


def test_a_key_that_is_compromised_is_marked_before_anything_else_happens(made):
    put(made, one="active", two="retiring")
    moves.begin(made, [], Terms(compromised=frozenset({(NAME, "two")})))
    assert [key.compromised for key in keyring_of(made).keys(NAME)] == [False, True]


def test_a_key_that_was_seen_may_be_used_when_caches_have_let_go(made):
    put(made, one="active")
    moves.begin(made, [step("new", None, "published")], Terms())
    moves.published(made, lambda domain, selector: {(NAME, "new"): HOUR}[domain, selector])
    key = keyring_of(made).keys(NAME)[1]
    assert (key.state, key.since, key.usable) == ("published", NOW, NOW + HOUR)
    assert moves.seconds_to_wait(made, [step("new", None, "active")]) == 3600
    assert moves.seconds_to_wait(made, [step("new", None, "published")]) == 0


@pytest.mark.parametrize(
    ("to", "unled", "state"),
    [("active", (), "confirmed"), ("confirmed", (), "confirmed"), ("published", (), "published"), ("active", (NAME,), "published")],
)  # fmt: skip
def test_a_key_is_confirmed_only_as_agreed_and_when_its_owner_has_led_it_to_us(made, to, unled, state):
    signing_key(keyring_of(made), NAME, "new", "published", usable=NOW)
    moves.confirmed(made, [step("new", "published", to)], unled)
    assert states(made) == {"new": state}


def test_a_key_is_not_confirmed_before_its_time(made):
    signing_key(keyring_of(made), NAME, "new", "published", usable=NOW + timedelta(seconds=1))
    moves.confirmed(made, [step("new", "published", "active")], ())
    assert states(made) == {"new": "published"}


def test_after_the_proof_the_new_key_is_active_and_the_old_one_retires(made):
    put(made, old="active", new="confirmed")
    assert moves.unproven({NAME: keyring_of(made).keys(NAME)}) == [NAME]
    moves.settled(made)
    assert states(made) == {"old": "retiring", "new": "active"}
    assert moves.unproven({NAME: keyring_of(made).keys(NAME)}) == []


def dns(*selectors, old=(), new=('"v=DKIM1; p=AAAA"',)):
    """A plan that writes these keys, which DNS lacks."""
    changes = tuple(Change(f"{it}._domainkey.{NAME}", "TXT", 300 if old else None, old, 300, new) for it in selectors)
    return DnsPlan((ZonePlan(NAME, additive=changes),))


@pytest.mark.parametrize("old", [(), ('"v=DKIM1; p="',)], ids=["deleted", "revoked"])
def test_a_key_that_somebody_took_out_of_dns_waits_from_when_it_is_seen_again(made, old):
    put(made, one="active", two="published", three="confirmed")
    moves.missed(made, dns("one", "two", "three", old=old))
    assert states(made) == {"one": "active", "two": "published", "three": "published"}
    moves.confirmed(made, [step("two", "published", "active"), step("three", "published", "active")], ())
    assert states(made) == {"one": "active", "two": "published", "three": "published"}
    moves.published(made, lambda _domain, _selector: HOUR)
    assert [key.usable for key in keyring_of(made).keys(NAME)] == [None, NOW + HOUR, NOW + HOUR]


def test_a_key_that_dns_shows_all_the_time_waits_no_longer(made):
    put(made, one="active", two="published")
    before = keyring_of(made).keys(NAME)
    moves.missed(made, dns("two", old=('"v=DKIM1; p=AAAA"',), new=('"v=DKIM1; k=rsa; p=AAAA"',)))
    moves.missed(made, dns("other"))
    assert keyring_of(made).keys(NAME) == before


def test_after_a_proof_that_failed_the_only_key_goes_on_signing(made):
    put(made, one="confirmed")
    before = keyring_of(made).keys(NAME)
    assert moves.failed(made, {NAME: "mx1: not signed"}) == []
    assert keyring_of(made).keys(NAME) == before


def test_when_a_key_went_off_the_hosts_is_written_down(made, monkeypatch):
    put(made, one="retiring", two="active")
    later = NOW + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    moves.taken_off(made, NOW)
    assert [key.off_hosts for key in keyring_of(made).keys(NAME)] == [None, None], (
        "hosts were brought to it before that"
    )
    moves.taken_off(made, later)
    assert [key.off_hosts for key in keyring_of(made).keys(NAME)] == [later, None]


def test_a_key_gone_back_to_is_on_the_hosts_again(made):
    ring = keyring_of(made)
    put(made, one="retiring", two="active")
    ring.write(NAME, tuple(replace(key, off_hosts=NOW) if key.selector == "one" else key for key in ring.keys(NAME)))
    moves.begin(made, [step("one", "retiring", "active")], Terms())
    assert (ring.keys(NAME)[0].state, ring.keys(NAME)[0].off_hosts) == ("confirmed", None)


def test_in_the_end_what_dns_says_is_written_down_and_the_private_halves_of_deleted_keys_go(made):
    ring = keyring_of(made)
    for name, state in {"one": "revoked", "two": "deleted", "three": "retiring"}.items():
        signing_key(ring, NAME, name, state)
    moves.ended(made)
    assert {key.selector: key.told for key in ring.keys(NAME)} == {"one": NOW, "two": NOW, "three": None}
    assert sorted(path.stem for path in ring.directory.rglob("*.pem")) == ["one", "three"]


def test_after_a_proof_that_failed_the_old_key_signs_and_the_domain_is_told(made):
    put(made, old="active", new="confirmed")
    assert moves.failed(made, {NAME: "mx1: not signed"}) == [NAME]
    assert states(made) == {"old": "active", "new": "published"}
    assert moves.failed(made, {NAME: "mx1: not signed"}) == []


def test_a_domain_that_was_taken_out_of_the_inventory_is_seen_to_its_end(made):
    ring = keyring_of(made)
    signing_key(ring, "old.example.com", "one")
    signing_key(ring, "new.example.com", "one")
    ours = Record("one._domainkey.old.example.com", "TXT", 300, '"v=DKIM1; p=AAAA"')
    ledger.write(made.path(made.fleet.ledger), NAME, [ours])
    moves.settled(made)
    assert ring.keys("old.example.com")[0].state == "retiring"
    assert ring.keys("new.example.com")[0].state == "active", "another inventory wrote its record"
