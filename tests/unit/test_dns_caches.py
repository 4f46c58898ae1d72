"""How long caches may hold earlier answers, and who must wait for that."""

import pytest

from postwright.dns.caches import certificate_wait, stale_for
from postwright.dns.plan import Change, DnsPlan, ZonePlan

NAME = "_25._tcp.mx1.example.com"
OLD, NEW = "3 1 1 aa", "3 1 1 bb"


def plan(*additive, subtractive=()):
    return DnsPlan((ZonePlan("example.com", additive, subtractive),))


@pytest.mark.parametrize(
    ("old_ttl", "expected"), [(None, 60), (3600, 3600), (30, 30)], ids=["new name", "long TTL", "short TTL"]
)
def test_a_new_name_is_remembered_as_missing_and_an_old_one_for_its_ttl(old_ttl, expected):
    old = () if old_ttl is None else ("192.0.2.1",)
    change = Change("mx.example.com", "A", old_ttl, old, 300, ("192.0.2.2",))
    assert stale_for(plan(change), lambda zone: {"example.com": 60}[zone]) == expected


def test_nothing_written_is_nothing_to_wait_for():
    assert stale_for(plan(subtractive=(Change("a.example.com", "A", 300, ("192.0.2.1",), 300, ()),)), lambda _: 60) == 0


@pytest.mark.parametrize(
    ("change", "seconds"),
    [
        (Change(NAME, "TLSA", 900, (OLD,), 900, (OLD, NEW)), 900),
        (Change(NAME, "TLSA", None, (), 900, (NEW,)), 0),
        (Change(NAME, "TLSA", 900, (OLD,), 900, ()), 900),
        (Change(NAME, "TLSA", 900, (OLD,), 300, (OLD,)), 0),
        (Change("example.com", "TXT", 900, ('"a"',), 900, ('"b"',)), 0),
    ],
    ids=["second certificate", "first", "none any more", "TTL only", "no TLSA"],
)
def test_only_a_certificate_that_senders_hold_must_wait(change, seconds):
    assert certificate_wait(plan(change)) == seconds


def test_a_run_cut_short_between_the_two_steps_still_waits():
    assert certificate_wait(plan(subtractive=(Change(NAME, "TLSA", 900, (OLD, NEW), 900, (NEW,)),))) == 900
