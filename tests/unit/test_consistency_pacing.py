"""Warm-up that could not work as the inventory says is refused at once, each problem with its place and what to do."""

from datetime import date, datetime

import pytest
from support import another_host, host_data, mail_fleet, mail_host, problems, project

from postwright.consistency_pacing import _TAKEN
from postwright.model import Address
from postwright.model.pacing import Judgement
from postwright.pacing.plans import BUILT_IN
from postwright.pacing.stages import Thresholds
from postwright.services.postfix import PROOF_PORT

PLAN = {"plan": "conservative", "start": "2026-11-22"}
LOGIN = {"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}
KNOWN = "conservative, hourly, staged"
USED = "google, microsoft365, outlook, yahoo, apple, proofpoint, mimecast, other, unknown"


def addresses(*warmups):
    """Sending addresses with these warmups; None: the key is left out."""
    plain = [{"ip": f"192.0.2.{10 + at}", "helo": "mx1.example.com"} for at, _ in enumerate(warmups)]
    return [it | ({"warmup": warmup} if warmup else {}) for it, warmup in zip(plain, warmups, strict=True)]


def of_host(tmp_path, *warmups, **fleet):
    """What is wrong with a host of addresses with these warmups."""
    return problems(tmp_path, host_data(host=mail_host(addresses=addresses(*warmups)), fleet=mail_fleet(**fleet)))


def of_pacing(tmp_path, **pacing):
    """What is wrong with a fleet that says this of pacing."""
    return problems(tmp_path, host_data(fleet=mail_fleet(pacing=pacing, logins=[LOGIN])))


def of_domain(tmp_path, hosts=1, **warmup):
    """What is wrong with a domain of so many hosts whose warmup is changed in this."""
    fleet = mail_fleet(domains=[{"name": "example.com", "warmup": PLAN | warmup}])
    others = [another_host(f"mx{number}", fleet, addresses=[(f"192.0.2.{number}", f"mx{number}.example.com")]) for number in range(2, hosts + 1)]  # fmt: skip
    return problems(tmp_path, host_data(fleet=fleet), *others)


def test_a_host_may_have_addresses_that_warm_up_and_others_that_are_warm(tmp_path):
    assert of_host(tmp_path, PLAN, "warm", {"plan": "hourly", "start": date(1999, 1, 1)}) == []


def test_the_start_is_a_day_however_it_is_written(tmp_path):
    said = [PLAN, PLAN | {"start": date(2026, 11, 22)}]
    made = project(tmp_path, host_data(host=mail_host(addresses=addresses(*said))))
    assert {it.warmup.start for it in made.fleet.hosts[0].addresses} == {date(2026, 11, 22)}


@pytest.mark.parametrize(
    ("warmup", "problem"),
    [
        ("cold", "'cold' is not \"warm\", and not a mapping of plan and start"),
        ({"plan": "conservative"}, ".start: missing; add it"),
        ({"start": "2026-11-22"}, ".plan: missing; add it"),
        (PLAN | {"start": None}, 'needs both plan and start; an address that has its reputation is "warm"'),
        (PLAN | {"start": "22.11.2026"}, ".start: '22.11.2026' is not a day, such as '2026-11-22'"),
        (PLAN | {"start": "2026-11-31"}, ".start: '2026-11-31' is not a day"),
        (PLAN | {"start": 20261122}, ".start: a value of type int is not a day"),
        (PLAN | {"start": datetime(2026, 11, 22)}, ".start: a value of type datetime is not a day"),  # noqa: DTZ001
        (PLAN | {"pace": 5}, ".pace: unknown key"),
        (PLAN | {"plan": "gentle"}, f".plan: no plan 'gentle' (there is: {KNOWN}); mend the name, or add it to mail_fleet.pacing"),
    ],
)  # fmt: skip
def test_a_warmup_that_cannot_be_is_refused_with_its_key_path(tmp_path, warmup, problem):
    (found,) = of_host(tmp_path, warmup)
    assert found.startswith("host mx1: mail_host.addresses[0].warmup")
    assert problem in found


def test_where_one_address_says_warmup_each_has_to(tmp_path):
    assert of_host(tmp_path, None, PLAN, None) == [
        f"host mx1: mail_host.addresses[{at}].warmup: missing, though other addresses of this host have one; give "
        f'192.0.2.{10 + at} a plan too, or say "warmup": "warm" if it has its reputation'
        for at in (0, 2)
    ]


def test_pacing_alone_asks_nothing_of_addresses(tmp_path):
    assert of_host(tmp_path, None, None, pacing={}) == []


@pytest.mark.parametrize(
    ("pacing", "problem"),
    [
        ({"plans": {"slow": {"unit": "week", "stages": [1]}}}, "plans.slow: unit: must be hour or day, is 'week'"),
        ({"plans": {"slow": {"unit": "day", "stages": [50, 20], "speed": 1}}}, "plans.slow: stages: stage 2: 20 is less than 50"),
        ({"plans": {"staged": {"unit": "day", "stages": [50]}}}, "plans: staged: there is a plan of that name; give yours another"),
        ({"plans": {"slow": {"unit": "day", "stages": [5], "overrides": {"gmail": 0.5}}}}, "overrides: 'gmail' is not in use; mend the name"),
        ({"plans": {"slow": {"unit": "day", "stages": [5], "overrides": {"gmx": 0.5}}}}, "overrides: 'gmx' is not in use; add it to mail_fleet.pacing.providers, as {}"),
        ({"plans": {"Slow!": {"unit": "day", "stages": [5]}}}, "'Slow!' is not a name of lower case letters"),
        ({"providers": {"gmail": {"connections": 2}}}, "providers: gmail: is not a known provider (apple, barracuda,"),
        ({"providers": {"other": {"suffixes": ["example.org"]}}}, "providers: other: is for what no suffix says, so it has none"),
        ({"providers": {"mine": {"suffixes": ["google.com"]}}}, "google.com is a suffix of both google and mine; take it from one"),
        ({"providers": {"mine": {"suffixes": []}}}, "providers.mine.suffixes: is empty; name at least one"),
        ({"providers": {"google": {"connections": 0}}}, "providers.google.connections: input should be greater than or equal to 1"),
        ({"providers": {"my-own": {"suffixes": ["example.org"]}}}, "'my-own' is not a provider's name of lower case letters and digits"),
        ({"streams": {"a": {"when_full": "wait"}}}, "streams.a: names neither senders nor users nor headers; say which mail is meant"),
        ({"streams": {"a": {"users": ["crm"]}}}, "streams.a.users: no 'crm' in mail_fleet.logins; add it there"),
        ({"streams": {"a": {"senders": ["x@example.org"]}}}, "streams.a.senders: x@example.org is of no domain in mail_fleet.domains"),
        ({"streams": {"a": {"users": ["app"], "after": "31d"}}}, "streams.a.after: '31d' is too long; 30d is the most"),
        ({"streams": {"a": {"users": ["app"], "when_full": "drop"}}}, "streams.a.when_full: input should be 'wait', 'bypass', 'overflow' or 'fallback'"),
        ({"streams": {"a": {"users": ["app"], "when_full": "overflow"}}}, '"overflow" needs mail_fleet.pacing.relay; add it'),
        ({"streams": {"a": {"users": ["app"]}, "b": {"users": ["app"]}}}, "streams.b.users: app is of stream a already (app); put b before it"),
        ({"streams": {"a": {"senders": ["@example.com"]}, "b": {"senders": ["x@example.com"]}}}, "streams.b.senders: x@example.com is of stream a already (@example.com)"),
        ({"relay": {"server": "smtp.example.org", "login": "x"}}, "relay: needs both login and password, or neither"),
        ({"relay": {"server": "smtp.example.org", "login": "x", "password": {"env": "P"}, "tls": "may"}}, "relay: would send the password unencrypted"),
        ({"relay": {"server": "smtp.example.org", "login": "a b", "password": {"env": "P"}}}, "relay.login: "),
        ({"relay": {"server": "smtp example org"}}, "relay.server: "),
        ({"failure": "panic"}, "failure: input should be 'hold', 'refuse' or 'pass'"),
        ({"outstanding": 0}, "outstanding: input should be greater than or equal to 1"),
        ({"thresholds": {"bounced": 0.2}}, "thresholds: bounced is above back_bounced; let it be smaller, or the same"),
        ({"thresholds": {"sample": 0}}, "thresholds.sample: "),
        ({"metrics": {"address": "0.0.0.0"}}, "metrics.address: 0.0.0.0 is, or may be, open to everybody; name 127.0.0.1"),  # noqa: S104
        ({"metrics": {"address": "8.8.8.8"}}, "metrics.address: 8.8.8.8 is, or may be, open to everybody"),
        ({"metrics": {"address": "::"}}, "metrics.address: :: is, or may be, open to everybody"),
        ({"metrics": {"port": 10026}}, "metrics.port: 10026 is that of the gate; choose another"),
        ({"metrics": {"port": 22}}, "metrics.port: 22 is that of SSH"),
        ({"speed": 5}, "mail_fleet.pacing.speed: unknown key"),
    ],
)  # fmt: skip
def test_pacing_that_cannot_be_is_refused_with_its_key_path(tmp_path, pacing, problem):
    (found,) = of_pacing(tmp_path, **pacing)
    assert found.startswith("mail_fleet.pacing")
    assert problem in found


def test_all_problems_of_pacing_are_told_at_once(tmp_path):
    found = of_pacing(tmp_path, speed=5, failure="panic", streams={"a": {}}, metrics={"port": 0})
    assert len(found) == 4


def test_a_stream_for_one_address_may_come_before_that_for_its_domain(tmp_path):
    streams = {"receipts": {"senders": ["x@example.com"], "when_full": "bypass"}, "rest": {"senders": ["@example.com"]}}
    assert of_pacing(tmp_path, streams=streams) == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "fd00::1", "100.64.0.1"])
def test_metrics_may_be_shown_to_the_host_itself_and_to_private_networks(tmp_path, address):
    assert of_pacing(tmp_path, metrics={"address": address}) == []


def test_ports_that_metrics_cannot_have_are_those_that_are_listened_on():
    assert {25, 465, 587, PROOF_PORT} <= _TAKEN.keys()


@pytest.mark.parametrize(
    ("warmup", "problem"),
    [
        ({"plan": "gentle"}, f".plan: no plan 'gentle' (there is: {KNOWN})"),
        ({"providers": []}, ".providers: is empty; name at least one"),
        (
            {"providers": ["gmx"]},
            f".providers: 'gmx' is not in use (there is: {USED}); add it to mail_fleet.pacing.providers",
        ),
        ({"providers": ["gmail"]}, f".providers: 'gmail' is not in use (there is: {USED}); mend the name"),
    ],
)
def test_a_domain_budget_that_cannot_be_is_refused(tmp_path, warmup, problem):
    assert any(f"mail_fleet.domains[0] (example.com).warmup{problem}" in it for it in of_domain(tmp_path, **warmup))


@pytest.mark.parametrize(
    ("plan", "most"),
    [
        ({"unit": "day", "stages": [3, 50], "hour_share": 1}, 3),
        ({"unit": "day", "stages": [50, 50], "hour_share": 0.05}, 3),  # of 50 a day 3 an hour
        ({"unit": "hour", "stages": [2, 5]}, 2),
        ({"unit": "day", "stages": [50], "hour_share": 1, "overrides": {"google": [2]}}, 2),
    ],
)
def test_a_domain_budget_is_of_no_use_where_a_hosts_share_of_it_is_nothing(tmp_path, plan, most):
    fleet = mail_fleet(
        domains=[{"name": "example.com", "warmup": PLAN | {"plan": "tiny"}}], pacing={"plans": {"tiny": plan}}
    )
    others = [another_host(f"mx{number}", fleet, addresses=[(f"192.0.2.{number}", f"mx{number}.example.com")]) for number in range(2, most + 2)]  # fmt: skip

    assert problems(tmp_path, host_data(fleet=fleet), *others[:-1]) == []
    (found,) = problems(tmp_path, host_data(fleet=fleet), *others)

    assert found.startswith(
        f"mail_fleet.domains[0] (example.com).warmup: its {most + 1} hosts would share {most} messages, "
    )
    assert found.endswith("name fewer hosts for the domain, or a plan with larger stages")


@pytest.mark.parametrize("lifetime", ["101d", "59s"])
def test_a_queue_that_never_ends_or_at_once_cannot_be_planned_for(tmp_path, lifetime):
    policies = {"queue_lifetime": lifetime, "bounce_lifetime": "1m"}
    assert of_host(tmp_path, None, policies=policies) == []
    assert of_host(tmp_path, PLAN, policies=policies) == [
        "mail_fleet.policies.queue_lifetime: is not from 1m to 100d, as pacing needs it; set it to some days"
    ]


def test_a_label_is_of_the_address_alone_whatever_way_it_is_written():
    for ip, label in (
        ("192.0.2.10", "v4-192-0-2-10"),
        ("2001:db8::10", "v6-2001-db8-0-0-0-0-0-10"),
        ("2001:DB8:0:0:0:0:0:0010", "v6-2001-db8-0-0-0-0-0-10"),
        ("2001:db8:0:0:1::", "v6-2001-db8-0-0-1-0-0-0"),
    ):
        assert Address(ip=ip, helo="mx.example.com").label == label


def test_a_day_is_judged_by_the_agents_own_thresholds_unless_said_otherwise():
    assert Judgement().model_dump() == Thresholds().to_json()


def test_the_plans_a_message_names_are_those_that_are_built_in():
    assert ", ".join(BUILT_IN) == KNOWN
