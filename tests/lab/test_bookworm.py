"""Debian 12 with every feature: set up from nothing, proven, and nothing is due afterwards.

Its programs are older than those of Debian 13, on which the other tests run: Postfix 3.7, Dovecot 2.3, nftables 1.0.
"""

import json

import fullhost
import mailreader
import pytest

from postwright.lab import mail

pytestmark = pytest.mark.lab

LAB, HOST = "lab1", "mx12"
# What a lab cannot have: a kernel of the host's own; and the machine that verifies asks its own resolver for web addresses.
UNKNOWN_HERE = ("AppArmor runs", "The audit log runs", "The MTA-STS policy senders fetch over HTTPS")
NOT_DUE_YET = ("apt's timers run",)  # they run once a day, and the host is minutes old


@pytest.fixture(scope="module")
def whole(operator):
    """A project whose host has every service there is, applied; and a user of its store."""
    fullhost.trust_acme(LAB)
    made = operator.changed("whole", fullhost.ON_BOOKWORM + 'fleet["users"] = "../users.json"\n')
    made.run("users", "add", "crm", "--sender", "@shop.test", "--password-file", "crm")
    made.run("apply", "--yes", "--no-verify", "--settle")
    return made


def test_every_check_passes(whole):
    checks = whole.json("verify", check=False)["checks"]
    told = [it for it in checks if it["outcome"] != "ok" and not it["promise"].startswith(UNKNOWN_HERE + NOT_DUE_YET)]

    assert told == [], json.dumps(told, indent=1)
    assert {it["outcome"] for it in checks} == {"ok", "unknown", "skipped"}


def test_mail_is_signed_sent_taken_and_read(whole):
    sent = mail.exchange(name=LAB, host=HOST)
    token = mailreader.post(LAB, HOST, "someone@stranger.test", fullhost.MAILBOX)

    assert sent.good
    assert {it.result for it in sent.dkim} == {"pass"}
    assert len(sent.dkim) == 2
    assert mailreader.read(LAB, HOST, fullhost.MAILBOX, fullhost.READING, token)["Subject"] == token
    assert whole.on_host("systemctl list-units --failed --plain --no-legend").stdout == ""


def test_a_second_apply_changes_nothing(whole):
    landed = whole.json("apply", "--yes", "--no-verify")

    assert landed["changed"] is False, landed
    assert whole.json("plan")["empty"]
