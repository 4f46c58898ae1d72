"""`show` says what the inventory means, to people and programs alike, without asking for a secret."""

import json
from datetime import date

import pytest
from support import PASSPHRASE, another_host, host_data, mail_fleet, sound_project

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
    keyring_of(made).generate(["example.com"], 2048, PASSPHRASE, date(2026, 11, 22))
    keyring_of(made).activate("example.com")
    (tmp_path / "passphrase").unlink()
    return made


def described(told):
    value, lines = told
    assert json.loads(json.dumps(value)) == value, "a program reads what people read"
    return value, "\n".join(lines)


def test_the_summary_names_hosts_domains_zones_and_what_to_ask_the_hoster(project):
    value, text = described(describe.summary(project))
    assert [host["name"] for host in value["hosts"]] == ["mx1", "mx2"]
    assert [(it["name"], it["hosts"], it["selector"]) for it in value["domains"]] == [
        ("example.com", ["mx1", "mx2"], "pw20261122"),
        ("news.example.com", ["mx2"], None),
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
    assert {record["name"] for record in value["example.com"]} == {"mx1.example.com"}
    assert {record["name"] for record in value["news.example.com"]} == {"news.example.com", "_dmarc.news.example.com"}


def test_the_keys_are_listed_with_their_public_part_only(project):
    value, text = described(describe.keys(project))
    assert value["example.com"][0]["state"] == "active"
    assert value["news.example.com"] == []
    assert "pw20261122  active  RSA-2048  made 2026-11-22" in text
    assert "none yet: apply makes one" in text


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
