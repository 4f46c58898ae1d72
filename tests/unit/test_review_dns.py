"""Promises a reviewer found broken, in their pure parts: whose a value is, what an undo may touch, what needs force."""

import pytest
from support import host_data, mail_fleet, problems
from zone_in_memory import APEX, Memory, txt

from postwright.dns.plan import Change, RRset, ZonePlan
from postwright.dns.record import Record
from postwright.dns.undo import inverse

HOST = "mail.example.com"
CAA = Record(HOST, "CAA", 300, '0 issue "ca.test"', shared=True)
SITE, OLD, NEW = '"site=1"', '"v=spf1 a -all"', '"v=spf1 ip4:192.0.2.1 a -all"'


def test_an_authority_that_was_admitted_before_us_is_not_ours_and_keeps_its_ttl():
    zone = Memory(RRset(HOST, "CAA", 60, (CAA.rdata,)))
    assert zone.apply(CAA).is_empty
    assert zone.base == ()
    zone.apply()
    assert zone.rrsets[HOST, "CAA"] == RRset(HOST, "CAA", 60, (CAA.rdata,))


def test_a_crash_leaves_our_own_authority_ours():
    """The ledger claims it before it is written, so the next plan knows."""
    zone = Memory()
    plan = zone.plan(CAA)
    zone.do(plan.additive)
    zone.base = (*plan.base, *plan.ours)
    zone.apply(CAA)
    zone.apply()
    assert zone.values(HOST, "CAA") == ()


MERGED = ZonePlan(APEX, (Change(APEX, "TXT", 777, (OLD, SITE), 777, (NEW, SITE)),))
RETIMED = ZonePlan(APEX, (Change(APEX, "TXT", 60, (SITE,), 300, (SITE,)),))


@pytest.mark.parametrize(
    ("applied", "live", "told"),
    [
        (MERGED, txt(NEW, SITE, ttl=60), "conflict"),
        (MERGED, txt(OLD, SITE, ttl=60), "nothing"),
        (MERGED, txt(NEW, SITE), "change"),
        (RETIMED, txt(SITE, ttl=300), "change"),
        (RETIMED, txt(SITE, ttl=900), "nothing"),
    ],
)
def test_undo_sets_back_no_ttl_that_the_plan_did_not_set(applied, live, told):
    plan = inverse(applied, [live], (), ())
    assert (bool(plan.conflicts), bool(plan.additive)) == (told == "conflict", told == "change")


def test_undo_takes_back_what_the_plan_left_to_others():
    """Else our token stays in their record for ever."""
    token = Record(APEX, "TXT", 300, '"v=spf1 ip4:192.0.2.1"', shared=True)
    key = Record(f"s1._domainkey.{APEX}", "TXT", 300, '"k"')
    applied = ZonePlan(APEX, (), (Change(key.name, "TXT", 300, (key.rdata,), 300, ()),), base=(token, key))
    assert set(inverse(applied, [], (), ()).ours) == {token, key}


def test_all_of_ours_in_a_zone_with_strangers_goes_with_force_only():
    zone = Memory(txt(SITE))
    mx = Record(APEX, "MX", 300, "10 mail.example.com.", shared=True)
    zone.apply(Record(APEX, "TXT", 300, NEW, shared=True), mx)
    (reason,) = zone.plan().unsafe_reasons()
    assert "everything of ours would be deleted (2 RRsets)" in reason


CLOUDFLARE = {"providers": {"cf": {"kind": "cloudflare", "token": {"file": "tsig"}}}}
NULL = {"name": "quiet.example.com", "mx": "null"}


def zones(*changes):
    names = ("example.com", "example.net")
    return [{"name": name, "provider": "cf"} | change for name, change in zip(names, changes, strict=False)]


@pytest.mark.parametrize(
    ("fleet", "sentence"),
    [
        ({"parked": ["old.example.com"], "postmaster": "ops@old.example.com"}, "mail_fleet.postmaster: ops@old.example.com is at"),
        ({"domains": [NULL, {"name": "example.com", "tls_reports": ["t@quiet.example.com"]}]}, "tls_reports: t@quiet.example.com is at"),
        ({"domains": [{"name": "example.com", "mta_sts": {"policy_host": "mta-sts.example.com"}}]}, "would be a CNAME to itself"),
        (CLOUDFLARE | {"zones": zones({"zone_id": "a" * 32}, {"zone_id": "a" * 32})}, "zone_id: is that of example.com already"),
        (CLOUDFLARE | {"zones": zones({"ttl": 5})}, "ttl: is 5, and Cloudflare takes none below 30"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_by_the_inventory(tmp_path, fleet, sentence):
    (found,) = problems(tmp_path, host_data(fleet=mail_fleet(**fleet)))
    assert sentence in found
