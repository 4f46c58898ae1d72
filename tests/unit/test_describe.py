"""`show` says what the inventory means, to people and programs alike, without asking for a secret."""

import json

import pytest
from support import another_host, host_data, mail_fleet, mail_host, signing_key, sound_project

from postwright import describe
from postwright.material import keyring_of

LOGIN = {"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}


@pytest.fixture
def project(tmp_path):
    """Two hosts, a domain that has a key and one that has none; the passphrase is not to be had."""
    fleet = mail_fleet(
        domains=[{"name": "example.com"}, {"name": "news.example.com", "hosts": ["mx2"], "mx": "null"}], logins=[LOGIN]
    )
    made = sound_project(tmp_path, host_data(fleet=fleet), another_host(fleet=fleet, roles=["mx"]))
    signing_key(keyring_of(made), "example.com")
    (tmp_path / "passphrase").unlink()
    return made


def described(told):
    value, lines = told
    assert json.loads(json.dumps(value)) == value, "a program reads what people read"
    return value, "\n".join(lines)


def test_the_summary_names_hosts_domains_zones_and_what_to_ask_the_hoster(project):
    value, text = described(describe.summary(project))
    assert [host["name"] for host in value["hosts"]] == ["mx1", "mx2"]
    assert [(it["name"], it["hosts"], it["selectors"]) for it in value["domains"]] == [
        ("example.com", ["mx1", "mx2"], ["pw20261122"]),
        ("news.example.com", ["mx2"], []),
    ]
    assert value["ask_your_hoster"][0] == {"address": "192.0.2.10", "ptr": "mx1.example.com"}
    for said in (
        "mx1: mx, submission; signs for 1 domain(s)",
        "example.com: from mx1, mx2; MX hosts; DMARC none; signs with pw20261122",
        "news.example.com: from mx2; MX null; DMARC none; has no key yet: apply makes one",
        "example.com at ns1",
        "192.0.2.10 → mx1.example.com",
    ):
        assert said in text


def test_the_summary_says_which_addresses_warm_up_and_how(tmp_path):
    plan = {"plan": "conservative", "start": "2026-11-22"}
    addresses = [
        {"ip": f"192.0.2.{at}", "helo": "mx1.example.com", "warmup": it} for at, it in ((10, plan), (11, "warm"))
    ]
    value, text = described(describe.summary(sound_project(tmp_path, host_data(host=mail_host(addresses=addresses)))))
    assert [it["warmup"] for it in value["hosts"][0]["addresses"]] == [plan, "warm"]
    assert "192.0.2.10 says HELO mx1.example.com; warms up by conservative from 2026-11-22\n" in text
    assert "192.0.2.11 says HELO mx1.example.com; warm\n" in text


@pytest.fixture
def with_others(tmp_path):
    """A fleet that needs something of everybody: a domain's owner, a receiver of reports."""
    policy = {"policy": "reject", "aggregate_reports": ["dmarc@vendor.example"]}
    domains = [
        {"name": "example.com", "mta_sts": {"mode": "enforce"}, "dmarc": policy},
        {"name": "customer.example", "mx": "keep", "delegated": {"to": "customer.example.com", "selectors": ["pw1"]}},
    ]
    return sound_project(tmp_path, host_data(fleet=mail_fleet(domains=domains, parked=["old.example.com"])))


def test_the_summary_says_what_to_ask_of_others_and_which_domains_are_parked(with_others):
    value, text = described(describe.summary(with_others))
    assert value["parked"] == ["old.example.com"]
    assert value["ask_report_receivers"] == ["example.com._report._dmarc.vendor.example"]
    assert [it["name"] for it in value["ask_owners"]] == [
        "pw1._domainkey.customer.example",
        "_dmarc.customer.example",
        "bounce.customer.example",
    ]
    for said in (
        "example.com: from mx1; MX hosts; DMARC reject; MTA-STS enforce; has no key yet: apply makes one",
        "customer.example: from mx1; MX keep; DMARC none; delegated to customer.example.com; has no key yet",
        "Parked domains, which send and take no mail\n  old.example.com\nZones",
        "ask their owners to set them\n  pw1._domainkey.customer.example. CNAME pw1._domainkey.customer.example.com.\n",
        'ask those who receive them to set\n  example.com._report._dmarc.vendor.example. TXT "v=DMARC1"',
    ):
        assert said in text


def test_a_fleet_that_needs_nothing_of_others_shows_no_heading_for_it(project):
    _, text = described(describe.summary(project))
    for heading in ("Parked", "CNAMEs", "Consents"):
        assert heading not in text


def test_policy_files_are_shown_as_they_must_be_served(with_others):
    value, text = described(describe.policies(with_others))
    url = "https://mta-sts.example.com/.well-known/mta-sts.txt"
    content = "version: STSv1\r\nmode: enforce\r\nmx: mx1.example.com\r\nmax_age: 604800\r\n"
    assert value == {"example.com": {"url": url, "text": content}}
    assert text == f"== {url}\nversion: STSv1\nmode: enforce\nmx: mx1.example.com\nmax_age: 604800"


def test_without_policy_files_it_says_how_to_get_one(project):
    assert described(describe.policies(project)) == (
        {},
        "no domain has an MTA-STS policy; give one mta_sts, see inventories/example.py",
    )


def test_the_records_are_listed_by_zone(project):
    value, text = described(describe.records(project))
    names = {record["name"] for record in value["example.com"]}
    assert {"mx1.example.com", "example.com", "pw20261122._domainkey.example.com", "_dmarc.news.example.com"} <= names
    assert "mx1.example.com. 3600 IN A 192.0.2.10" in text
    assert "news.example.com. 3600 IN MX 0 ." in text


def test_a_name_is_in_the_longest_zone_that_holds_it(tmp_path):
    zones = [{"name": name, "provider": "ns1"} for name in ("example.com", "news.example.com")]
    fleet = mail_fleet(domains=[{"name": "news.example.com"}], zones=zones)
    value, _ = described(describe.records(sound_project(tmp_path, host_data(fleet=fleet))))
    assert {record["name"] for record in value["example.com"]} == {"mx1.example.com", "_25._tcp.mx1.example.com"}
    assert {record["name"] for record in value["news.example.com"]} == {"news.example.com", "_dmarc.news.example.com"}


def test_the_files_of_a_host_are_shown_without_secrets_and_without_the_passphrase(project):
    files = describe.files(project, project.fleet.host("mx1"), "13")
    text = "\n".join(describe.file_lines("mx1", files))
    assert "== mx1:/etc/postfix/main.cf  0644 root:root" in text
    assert "/etc/postwright/dkim/example.com/pw20261122.pem  0600 opendkim:opendkim\n(secret: not shown)" in text
    assert "PRIVATE KEY" not in text
    assert "$6$" not in text
    shown = [describe.file_json(file) for file in files]
    assert {it["path"] for it in shown if it["content"] is None} == {file.path for file in files if file.secret}
    assert json.dumps(shown)


def test_the_files_differ_by_release_and_role(project):
    old = {file.path for file in describe.files(project, project.fleet.host("mx1"), "12")}
    relay = {file.path for file in describe.files(project, project.fleet.host("mx2"), "13")}
    assert any("postfix@-.service" in path for path in old)
    assert not any("dovecot" in path for path in relay)
    assert any("news.example.com" in path for path in relay)
