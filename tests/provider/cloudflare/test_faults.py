"""Cloudflare on days on which it does not work. Each fault is one that operators have met."""

import re

import pytest
from provider.fake_cloudflare import Fault
from provider.fake_cloudflare.scene import (
    BATCH,
    RECORDS,
    StillTime,
    names_of,
    opened,
    published,
    refusal,
)

from postwright.dns import ledger

pytestmark = pytest.mark.backends("cloudflare")


def test_a_limit_is_waited_for_as_long_as_it_says_and_once(world, fake):
    """The SDK ignores more than 60 s, and would be refused again twice in a second and a half."""
    provider = opened(world, world.zone)
    time = StillTime(provider)
    fake.faults.append(Fault("GET", RECORDS, 429, headers={"Retry-After": "300"}))
    assert provider.read(world.zone, [(f"ns1.{world.zone}", "A")])
    assert time.slept == [300.0]


def test_a_write_turned_away_by_the_limit_is_sent_again_when_it_may(world, fake, zone):
    provider = opened(world, world.zone)
    time = StillTime(provider)
    fake.faults.append(Fault("POST", BATCH, 429, headers={"Retry-After": "17"}))
    provider.apply(world.zone, published(f"x.{world.zone}"))
    assert time.slept == [17.0]
    assert f"x.{world.zone}" in names_of(zone)


@pytest.mark.parametrize(("after", "times", "slept"), [("300", 2, [300.0]), ("3600", 1, [])])
def test_a_limit_that_stays_stops_with_its_name(world, fake, after, times, slept):
    provider = opened(world, world.zone)
    time = StillTime(provider)
    fake.faults.append(Fault("GET", RECORDS, 429, headers={"Retry-After": after}, times=times))
    said = refusal(world, provider.read, world.zone, [])
    assert "1,200 calls in five minutes" in said
    assert f"{after} s of silence" in said
    assert time.slept == slept


def test_a_limit_without_a_time_counts_as_its_whole_window(world, fake):
    provider = opened(world, world.zone)
    time = StillTime(provider)
    fake.faults.append(Fault("GET", RECORDS, 429))
    provider.read(world.zone, [])
    assert time.slept == [300.0]


@pytest.mark.parametrize("status", [500, 503, 0], ids=["500", "503", "cut"])
def test_a_read_is_tried_three_times(world, fake, status):
    provider = opened(world, world.zone)
    time = StillTime(provider)
    fake.faults.append(Fault("GET", RECORDS, status, times=2))
    provider.read(world.zone, [])
    assert len(time.slept) == 2
    fake.faults.append(Fault("GET", RECORDS, status, times=3))
    said = refusal(world, provider.read, world.zone, [])
    assert ("Cloudflare failed" if status else "gave no answer") in said
    assert "may have been done" not in said


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("status", [500, 0], ids=["500", "cut"])
def test_a_write_without_an_answer_is_not_repeated_and_the_next_run_heals(world, fake, status, done):
    """Sent twice, a batch that landed would fail with "already exists" and look like a loss."""
    world.outsider.txt(world.zone, (b"v=spf1 include:_spf.example.net -all",))
    plan = world.plan(world.fleet())
    fake.faults.append(Fault("POST", BATCH, status, done=done))
    said = refusal(world, world.additive, plan, world.fleet())
    assert "may have been done all the same" in said
    assert len(fake.asked("POST", BATCH)) == 1
    assert ledger.read(world.ledger, world.zone)  # it may still be on its way
    assert bool(world.outsider.values(world.zone, "MX")) is done
    assert world.plan(world.fleet()).is_empty is done
    world.apply(world.fleet())
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert world.outsider.strings(world.zone) == {(b"v=spf1 include:_spf.example.net -all",)}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"success": False, "errors": [{"code": 1234, "message": "no luck"}], "result": None}, r"no luck \(1234\)"),
        ({"success": True, "errors": [], "result": None}, "the answer tells of none.*may have been done"),
        ({"success": True, "errors": [], "result": {"posts": []}}, "of 1 posts the answer tells of 0"),
        ({"result": []}, "no envelope.*may have been done"),
        ("<html>sorry</html>", "cannot be understood.*may have been done"),
    ],
    ids=["unsuccessful", "null", "short", "no-envelope", "html"],
)
def test_an_answer_of_200_that_does_not_say_done_is_an_error(world, fake, answer, text):
    """The SDK gives None for ``success: false``, and the caller goes on."""
    fake.faults.append(Fault("POST", BATCH, done=False, answer=answer))
    said = refusal(world, opened(world, world.zone).apply, world.zone, published(f"x.{world.zone}"))
    assert re.search(text, said)


def test_a_list_that_does_not_say_success_is_an_error(world, fake):
    fake.faults.append(Fault("GET", RECORDS, answer={"success": False, "errors": [], "result": [], "result_info": {}}))
    assert "success: false" in refusal(world, world.plan, world.fleet())


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", RECORDS, page=1, times=2),
        Fault("GET", RECORDS, cut=1),
        Fault("GET", RECORDS, answer={"success": True, "result": []}),
        Fault("GET", RECORDS, answer={"success": True, "result": None, "result_info": {}}),
    ],
    ids=["repeats", "short", "no-length", "null"],
)
def test_half_a_list_makes_no_plan(world, fake, fault):
    """On a list that lacks a page everything on it looks deleted."""
    fake.account.add("half.example").fill(5001)
    fake.faults.append(fault)
    said = refusal(world, opened(world, "half.example").read, "half.example", [])
    assert re.search("came twice|not whole|without its length", said)
    assert len(fake.asked("GET", RECORDS)) <= 2
    fake.faults.clear()
    fake.account.zones = {key: it for key, it in fake.account.zones.items() if it.name != "half.example"}


def test_a_value_too_long_for_cloudflare_is_refused_in_its_words(world):
    long = world.key(size=5000)
    said = refusal(world, lambda: world.additive(world.plan(world.fleet(), [long]), world.fleet()))
    assert "exceeds 4096 bytes. (9208)" in said
    assert "nothing of it was done" in said
    assert not world.outsider.values(world.zone, "MX")


def test_a_ttl_below_what_cloudflare_takes_is_refused(world, fake):
    """1 would mean automatic, and never read back as 1."""
    said = refusal(world, opened(world, world.zone).apply, world.zone, published(f"x.{world.zone}", ttl=1))
    assert "set 60 to 86400 s for the zone" in said
    assert not fake.asked("POST", BATCH)


def test_a_cname_made_meanwhile_is_told_with_what_to_do(world, meanwhile):
    plan = world.plan(world.fleet())
    meanwhile(lambda: world.outsider.add(f"_dmarc.{world.zone}", "CNAME", "_dmarc.example.net."))
    said = refusal(world, world.additive, plan, world.fleet())
    assert "nothing may stand beside a CNAME" in said
    assert not world.outsider.values(world.zone, "MX")


def test_what_landed_before_a_failed_batch_is_said(world, fake, zone):
    provider = opened(world, world.zone, provider={"batch": 10})
    fake.faults.append(Fault("POST", BATCH, 500, skip=1))
    changes = [it for number in range(30) for it in published(f"n{number}.{world.zone}")]
    said = refusal(world, provider.apply, world.zone, changes)
    assert "10 records were changed before it" in said
    assert len(names_of(zone)) == 10
