"""main.cf says each parameter once, whatever is on: of two lines Postfix takes the last and says nothing of the first."""

import re
from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest
from support import another_host, host_data, mail_fleet, mail_host, project, secrets_of

from postwright.services.bundle import bundle
from postwright.services.parts import Context

LOGIN = {"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}
CERTIFIED = [{**LOGIN, "certificates": [":".join(["AB"] * 32)], "networks": ["192.0.2.0/24"]}]
PARTS = {
    "certificates": {"logins": CERTIFIED},
    "mailboxes": {
        "postmaster": "reports@example.com",
        "mailboxes": {
            "reports@example.com": {"password_hash": "app.hash"},
            "bounce@example.com": {"password_hash": "app.hash", "host": "mx2"},
        },
    },
    "pacing": {
        "pacing": {
            "streams": {"promo": {"senders": ["promo@example.com"]}, "tagged": {"headers": {"X-Stream": "news"}}}
        }
    },
    "limits": {"user_limits": {"messages_per_hour": 100}},
    "outbound": {"outbound_tls": {"mta_sts": True, "policies": {"partner.example": {"level": "encrypt"}}}},
    "forwards": {"domains": [{"name": "example.com", "aliases": {"sales": "all@example.net"}}]},
}
CHOICES = [(), *((it,) for it in PARTS), *combinations(PARTS, 2), tuple(PARTS)]


def main_cf(base, parts, release):
    said = {"logins": [LOGIN]}
    for part in parts:
        said |= PARTS[part]
    fleet = mail_fleet(**said)
    made = project(base, host_data(host=mail_host(), fleet=fleet), another_host(fleet=fleet)).fleet
    secrets = replace(
        secrets_of(made, made.host("mx1")), mailbox_hashes=dict.fromkeys(made.mailboxes, "$6$salt$digest")
    )
    files = {it.path: it.content.decode() for it in bundle(Context(made, made.host("mx1"), release, secrets)).files}
    return files["/etc/postfix/main.cf"]


@pytest.mark.parametrize("release", ["12", "13"])
@pytest.mark.parametrize("parts", CHOICES, ids="+".join)
def test_no_parameter_stands_twice(tmp_path, parts, release):
    names = Counter(re.findall(r"^([a-z]\S*)\s*=", main_cf(tmp_path, parts, release), re.MULTILINE))

    assert {name for name, times in names.items() if times > 1} == set()


@pytest.mark.parametrize("release", ["12", "13"])
@pytest.mark.parametrize("parts", CHOICES, ids="+".join)
def test_every_restriction_class_there_is_a_line_of_is_named_as_one(tmp_path, parts, release):
    main = main_cf(tmp_path, parts, release)
    found = re.findall(
        r"^((?:certificate_|mailbox_quota|mailbox_moved|pace_agent_down|hold_)\S*) =", main, re.MULTILINE
    )
    named = re.findall(r"^smtpd_restriction_classes =((?:\n .*)*)$", main, re.MULTILINE)

    assert sorted(found) == sorted(" ".join(named).split())
