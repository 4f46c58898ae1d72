"""Each rule fires on a real reply of its provider and only there; words of our own side never slow a lane."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.pacing.providers import PROVIDERS
from postwright.pacing.replies import RULES, matched, subject

BY_ID = {rule.id: rule for rule in RULES}
REMOTE = [rule for rule in RULES if rule.kind != "connection" or rule.provider]
NAMES = [it.name for it in PROVIDERS]
HOST = "host mx1.example.net[192.0.2.25]"


def dsn_of(reply):
    """As Postfix logs it: from the reply, or made of its first digit (RFC 3463)."""
    found = re.match(r"\d{3}[- ](\d\.\d{1,3}\.\d{1,3})\b", reply)
    return found[1] if found else f"{reply[0]}.0.0"


def logged(reply, command="end of DATA"):
    return f"{HOST} said: {reply} (in reply to {command} command)"


def rule_of(provider, reply):
    return matched(provider, dsn_of(reply), logged(reply))


@pytest.mark.parametrize("rule", REMOTE, ids=lambda it: it.id)
def test_a_rule_and_none_before_it_fires_on_its_sample(rule):
    provider = rule.provider or "other"

    assert matched(provider, dsn_of(rule.sample), rule.sample) is rule
    assert matched(provider, dsn_of(rule.sample), logged(rule.sample)) is rule
    assert matched(provider, dsn_of(rule.sample), f"{HOST} refused to talk to me: {rule.sample}") is rule


@pytest.mark.parametrize("rule", [rule for rule in REMOTE if rule.provider], ids=lambda it: it.id)
def test_a_rule_of_one_provider_never_fires_for_another(rule):
    for name in NAMES:
        found = rule_of(name, rule.sample)
        assert found is not None
        assert found.provider in {None, name}


@pytest.mark.parametrize("rule", [rule for rule in REMOTE if not rule.provider], ids=lambda it: it.id)
def test_a_rule_for_anybody_fires_wherever_no_own_rule_does(rule):
    found = {rule_of(name, rule.sample) for name in NAMES}

    assert {it for it in found if it.provider is None} == {rule}


def test_the_rules_are_well_formed():
    assert len(BY_ID) == len(RULES)
    for rule in RULES:
        assert rule.source
        assert rule.provider is None or rule.provider in NAMES
        assert rule.provider is None or rule.id.startswith(rule.provider + "-")


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.effect], ids=lambda it: it.id)
def test_an_effect_has_the_numbers_it_needs(rule):
    effect = rule.effect

    assert effect.hits >= 1
    assert effect.within >= 1
    assert (effect.duration > 0) == (effect.do != "stop")
    assert bool(effect.per_minute or effect.in_flight) == (effect.do in {"slow", "recover"})
    assert rule.kind in {"rate", "block", "content", "temporary", "policy"}


@pytest.mark.parametrize(
    "text",
    [
        "connect to gmail-smtp-in.l.google.com[192.0.2.26]:25: Connection timed out",
        "connect to mx1.example.net[192.0.2.25]:25: Connection refused",
        "connect to mx1.example.net[2001:db8::25]:25: Network is unreachable",
        "conversation with mx1.example.net[192.0.2.25] timed out while receiving the initial server greeting",
        "conversation with mx1.example.net[192.0.2.25] timed out while sending end of data -- message may be sent more than once",
        "lost connection with mx1.example.net[192.0.2.25] while sending RCPT TO",
        "Host or domain name not found. Name service error for name=example.net type=MX: Host not found, try again",
        "Host or domain name not found. Name service error for name=example.net type=AAAA: Host not found",
        "TLS is required, but was not offered by host mx1.example.net[192.0.2.25]",
        "Server certificate not trusted",
        "mail for example.net loops back to myself",
        "delivery temporarily suspended: connect to mx1.example.net[192.0.2.25]:25: Connection timed out",
        f"delivery temporarily suspended: {HOST} refused to talk to me: {BY_ID['google-rate'].sample}",
        f"delivery temporarily suspended: {HOST} refused to talk to me: {BY_ID['outlook-block'].sample}",
    ],
)
@pytest.mark.parametrize("provider", NAMES)
def test_what_postfix_says_itself_is_at_most_a_lost_connection(provider, text):
    assert matched(provider, "4.4.1", text) is BY_ID["connection"]
    assert BY_ID["connection"].effect is None


@pytest.mark.parametrize(
    "text",
    [
        "4.3.2 deferred transport",
        "deferred transport",
        "mail transport unavailable",
        "unknown mail transport error",
        "bounce or trace service failure",
        "some words without a code, blocked using zen.spamhaus.org; rate limited",
        "",
    ],
)
def test_other_words_of_postfix_match_nothing(text):
    assert {matched(name, "4.3.2", text) for name in NAMES} == {None}


@given(st.sampled_from(NAMES), st.text(max_size=200), st.text(max_size=10))
def test_text_that_is_no_reply_never_has_an_effect(provider, text, dsn):
    if subject(dsn, text) is None:
        assert matched(provider, dsn, text) in {None, BY_ID["connection"]}


@given(st.sampled_from(NAMES), st.sampled_from("245"), st.text(max_size=300))
def test_every_failure_has_a_rule_and_no_success_has(provider, digit, text):
    found = matched(provider, f"{digit}.0.0", f"{HOST} said: {digit}50 {text}")

    assert (found is None) == (digit == "2")


@pytest.mark.parametrize("rule", REMOTE, ids=lambda it: it.id)
def test_where_a_reply_breaks_its_lines_does_not_matter(rule):
    code, dsn = rule.sample[:3], dsn_of(rule.sample)
    words = subject(dsn, rule.sample).split()[2:]
    enhanced = f"{dsn} " if rule.sample[4:].startswith(dsn) else ""

    for width in (1, 3, 8):
        lines = [" ".join(words[at : at + width]) for at in range(0, len(words), width)]
        broken = " ".join([*(f"{code}-{enhanced}{line}" for line in lines[:-1]), f"{code} {enhanced}{lines[-1]}"])
        assert matched(rule.provider or "other", dsn, logged(broken)) is rule


def test_a_reply_is_read_without_its_repeated_codes_and_the_command():
    text = logged("421-4.7.28 [192.0.2.1 15] an unusual rate of 421-4.7.28 unsolicited mail 421 4.7.28 gsmtp")

    assert subject("4.7.28", text) == "421 4.7.28 [192.0.2.1 15] an unusual rate of unsolicited mail gsmtp"
    assert subject("5.2.1", logged("550 no")) == "550 5.2.1 no"
    assert subject("", logged("450 no")) == "450 4.0.0 no"
    assert subject("5.0.0", logged("554 Blocked, see 192.0.2.1 550 x")) == "554 5.0.0 Blocked, see 192.0.2.1 550 x"
    assert subject("4.7.0", "Protocol error: " + logged("450 4.7.1 no")) == "450 4.7.1 no"


@pytest.mark.parametrize(
    ("provider", "reply", "rule"),
    [
        # Gmail: unusual rates of every cause; only those of the address are of one lane alone
        ("google", "421-4.7.28 Gmail has detected an unusual rate of email originating from your 421 4.7.28 IP address 203.0.113.7.", "google-rate-address"),
        ("google", "421-4.7.0 [203.0.113.7] Our system has detected an unusual amount of 421-4.7.0 unsolicited mail originating from your IP address. 421 4.7.0 x", "google-rate-address"),
        ("google", "421 4.7.28 Gmail has detected an unusual rate of unsolicited email originating from your IP Netblock 203.0.113.0.", "google-rate"),
        ("google", "421 4.7.28 Gmail has detected an unusual rate of unsolicited email originating from your SPF domain example.com", "google-rate"),
        ("google", "421 4.7.28 Gmail has detected an unusual rate of email. To protect our users", "google-rate"),
        ("google", "550-5.7.26 Unauthenticated email from example.com is not accepted due to 550 5.7.26 domain's DMARC policy.", "google-auth"),
        ("google", "451-4.7.23 The sending IP address for this message doesn't have a PTR record 451 4.7.23 rate limited.", "google-auth"),
        ("google", "421 4.7.40 Your email has been rate limited because the sending domain doesn't have a DMARC record", "google-auth"),
        ("google", "452 4.2.2 The recipient's inbox is out of storage space.", "mailbox-full"),
        ("google", "550-5.2.1 The email account that you tried to reach is inactive.", "mailbox"),
        ("google", "550-5.2.1 The user you are trying to contact is receiving email at a rate that", "google-user-rate"),
        ("google", "552 5.3.4 Your message exceeded Google's message size limits.", "content"),
        ("google", "421 4.3.0 Temporary System Problem. Try again later.", "temporary"),
        ("google", "421 4.4.5 Server busy, try again later.", "temporary"),
        # Microsoft: one text, many codes
        ("outlook", "451 4.7.651 The mail server [203.0.113.7] has been temporarily rate limited due to IP reputation. (S3114)", "outlook-reputation"),
        ("outlook", "451 4.7.651 The mail server [203.0.113.7] has been temporarily rate limited due to IP reputation. (S844)", "outlook-reputation"),
        ("outlook", "550 5.7.1 Unfortunately, messages from [203.0.113.7] weren't sent. Please contact your Internet service provider since part of their network is on our block list (AS3140).", "outlook-block"),
        ("microsoft365", "550 5.7.511 Access denied, banned sender[203.0.113.7].", "microsoft365-banned"),
        ("microsoft365", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "mailbox"),
        ("outlook", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", "mailbox"),
        ("outlook", "550 SC-001 Mail rejected by Outlook.com for policy reasons.", "outlook-reputation-policy"),
        # Yahoo
        ("yahoo", "421 [IPTS04] Messages from (203.0.113.7) temporarily deferred due to unexpected volume or user complaints", "yahoo-ts04"),
        ("yahoo", "553 Mail from 203.0.113.7 not allowed - 5.7.1 [BL23] Connections not accepted from IP addresses on Spamhaus XBL;", "yahoo-listed"),
        ("yahoo", "421 Message from 203.0.113.7 temporarily deferred - 4.16.50. Please refer to http://help.yahoo.com/", "yahoo-deferred"),
        ("yahoo", "554 delivery error: dd This user doesn't have a yahoo.com account (office@example.net) [-9] - mta1", "mailbox"),
        ("yahoo", "550 MAILBOX NOT FOUND", "mailbox"),
        ("yahoo", "450 User is receiving mail too quickly", "user-rate"),
        ("apple", "450 4.7.1 <mx1.example.com>: Helo command rejected: Host not found", "temporary"),
        # small domains
        ("other", "452 4.3.2 Connection rate limit exceeded.", "rate"),
        ("other", "451 4.7.1 Greylisting in action, please come back later", "greylisted"),
        ("other", "450 4.7.1 Client host rejected: cannot find your reverse hostname, [203.0.113.7]", "auth"),
        ("other", "554 IP address 203.0.113.7 rejected [IP reputation fail]", "poor-reputation"),
        ("other", "550 5.1.1 <office@example.net>: Recipient address rejected: User unknown in virtual mailbox table", "mailbox"),
        ("other", "554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using cbl.abuseat.org; Error: open resolver; https://www.spamhaus.org/returnc/pub/192.0.2.53", "dnsbl-misused"),
        ("unknown", "554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using bl.spamcop.net; Blocked", "block-list"),
    ],
)  # fmt: skip
def test_a_known_reply_is_told_by_its_words(provider, reply, rule):
    assert rule_of(provider, reply) is BY_ID[rule]


@pytest.mark.parametrize("kind", ["auth", "mailbox", "greylist", "connection", "other"])
def test_a_slower_pace_is_never_the_answer_to_what_it_cannot_heal(kind):
    assert all(rule.effect is None for rule in RULES if rule.kind == kind)


@pytest.mark.parametrize("rule", ["google-rate", "google-rate-address"])
def test_gmail_is_left_alone_for_ten_minutes_and_then_tried_by_one_connection(rule):
    effect = BY_ID[rule].effect

    assert (effect.do, effect.hits, effect.duration, effect.in_flight) == ("recover", 1, 600, 1)


@pytest.mark.parametrize(
    "rule", ["outlook-block", "microsoft365-block", "yahoo-listed", "spamhaus", "proofpoint-listed"]
)
def test_a_block_list_stops_a_lane_until_a_person_looks(rule):
    assert BY_ID[rule].effect.do == "stop"


def test_one_small_domain_alone_never_stops_or_suspends_mail_to_all_others():
    effects = [rule.effect for rule in RULES if rule.provider is None and rule.effect]

    assert all(it.hits >= 3 for it in effects if it.do != "slow")


@pytest.mark.parametrize("reply", ["450 " + "a" * 10**6, "421 4.7.28 " * 10**5, "550-" * 10**5, "421-4.7.28 x" * 10**5])
def test_a_huge_reply_is_classified_by_its_beginning(reply):
    assert rule_of("google", reply) is not None
