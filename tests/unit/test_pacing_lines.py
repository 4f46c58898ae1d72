"""Delivery lines of smtp(8) are told from everything else, whatever stands in addresses and replies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright.pacing.lines import Delivery, identifier_of, lane_of, parse

LANE = "v4-192-0-2-10-google"
IDENTIFIER = f"postfix/{LANE}/smtp"
FIELDS = "relay=aspmx.l.google.com[192.0.2.26]:25, delay=1.2, delays=0.1/0/0.5/0.6, "


def line(to="r@d.test", orig="", relay=FIELDS, dsn="2.0.0", status="sent", text="250 2.0.0 OK"):
    """As Postfix 3.7 to 3.10 write it (log_adhoc.c)."""
    return f"4jXTpn62qqz5s: to=<{to}>, {orig and f'orig_to=<{orig}>, '}{relay}dsn={dsn}, status={status} ({text})"


def quoted(local):
    """A local part as Postfix logs it when it is no plain one (info_log_addr_form = external)."""
    return '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize(
    ("status", "dsn", "text"),
    [
        ("sent", "2.0.0", "250 2.0.0 OK  1700000000 d9443c01a7336 - gsmtp"),
        ("deferred", "4.7.28", "host aspmx.l.google.com[192.0.2.26] said: 421-4.7.28 Gmail (in reply to end of DATA command)"),
        ("bounced", "5.1.1", "host mx[192.0.2.1] said: 550 5.1.1 <a@d.test>, status=sent (x) (in reply to RCPT TO command)"),
        ("expired", "4.4.1", "connect to mx.d.test[192.0.2.1]:25: Connection timed out"),
    ],
)  # fmt: skip
def test_a_delivery_is_told_with_its_status_code_and_reply(status, dsn, text):
    found = parse(IDENTIFIER, line(status=status, dsn=dsn, text=text), 7.5)

    assert found == Delivery(LANE, "4jXTpn62qqz5s", status, dsn, text, 7.5)


@pytest.mark.parametrize(
    "message",
    [
        line(orig="alias@shop.test"),
        line(relay="relay=none, delay=0.03, delays=0.02/0.01/0/0, "),
        line(relay="relay=mx[2001:db8::1]:25, conn_use=17, delay=1e+02, delays=0/0/0/1e+02, "),
        line().replace("4jXTpn62qqz5s", "9A3F21C0B7"),
        line(to=""),
        line(to='"a>, relay=b, dsn=5.0.0, status=bounced (no)"@d.test'),
        line(to=r'"a\">, relay=b"@d.test', orig='"x, y"@shop.test'),
        line(to="käse@tölt.test"),
        line(text=f"250 OK), {FIELDS}dsn=5.7.1, status=bounced (550 no"),
        line(to="r@[192.0.2.1]"),
    ],
)
def test_every_form_of_the_fields_before_the_status_is_read(message):
    assert parse(IDENTIFIER, message, 0).status == "sent"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "connect to mx.d.test[192.0.2.1]:25: Connection refused",
        "warning: 4jXTpn62qqz5s: to=<r@d.test>, status=sent (x)",
        "4jXTpn62qqz5s: host mx.d.test[192.0.2.1] said: 450 4.2.0 to=<x>, status=deferred (in reply to RCPT TO command)",
        "4jXTpn62qqz5s: enabling PIX workarounds: disable_esmtp for mx[192.0.2.1]:25",
        line(status="deliverable"),
        line(status="sent").replace(": to", " to"),
        line(dsn="2.0"),
        line(to='"unclosed@d.test'),
    ],
)
def test_what_is_no_delivery_is_none(message):
    assert parse(IDENTIFIER, message, 0) is None


@pytest.mark.parametrize("identifier", ["postfix/smtp", "postfix/qmgr", "postfix/a/b/smtp", "postfix/a/smtpd", "xpostfix/a/smtp", ""])  # fmt: skip
def test_what_no_lane_logged_is_none(identifier):
    assert parse(identifier, line(), 0) is None
    assert lane_of(identifier) is None


def test_what_postfix_put_off_without_an_attempt_is_told_as_of_no_lane():
    message = line(
        relay="relay=none, delay=0.03, delays=0.02/0.01/0/0, ", dsn="4.4.1", status="deferred", text="refused"
    )

    assert parse("postfix/error", message, 7.5) == Delivery("", "4jXTpn62qqz5s", "deferred", "4.4.1", "refused", 7.5)


@pytest.mark.parametrize(("to", "domain"), [
    ("r@D.Test", "d.test"), ('"a@b>, c"@d.test', "d.test"), ("r@[192.0.2.1]", "[192.0.2.1]"), ("root", "root"), ("", ""),
])  # fmt: skip
def test_the_recipients_domain_is_told(to, domain):
    assert parse(IDENTIFIER, line(to=to), 0).domain == domain


def test_a_lane_and_its_identifier_lead_to_each_other():
    assert identifier_of(LANE) == IDENTIFIER
    assert lane_of(IDENTIFIER) == LANE


def test_a_bounce_that_was_made_soft_is_a_deferral():
    assert parse(IDENTIFIER, line(status="SOFTBOUNCE", dsn="4.1.1"), 0).status == "deferred"


@given(to=st.text(), orig=st.text(), text=st.text(), status=st.sampled_from(["sent", "deferred", "bounced"]))
def test_no_address_and_no_reply_can_pass_for_another_result(to, orig, text, status):
    message = line(to=f"{quoted(to)}@d.test", orig=f"{quoted(orig)}@shop.test", text=text, status=status)

    assert parse(IDENTIFIER, message, 0) == Delivery(LANE, "4jXTpn62qqz5s", status, "2.0.0", text, 0)


@given(to=st.text(), text=st.text(), data=st.data())
def test_a_line_cut_off_anywhere_is_none_or_keeps_its_result(to, text, data):
    message = line(to=f"{quoted(to)}@d.test", text=text, status="deferred", dsn="4.0.0")
    found = parse(IDENTIFIER, message[: data.draw(st.integers(0, len(message)))], 0)

    assert found is None or ((found.status, found.dsn) == ("deferred", "4.0.0") and f"{text})".startswith(found.text))


@given(st.text(), st.text())
def test_no_text_makes_it_fail(identifier, message):
    parse(identifier, message, 0)
    parse(IDENTIFIER, f"4jXTpn62qqz5s: to=<{message}", 0)


def test_a_line_made_to_be_tried_in_many_ways_is_given_up_at_once():
    assert parse(IDENTIFIER, "4jXTpn62qqz5s: to=<" + '"\\' * 100_000, 0) is None
    assert parse(IDENTIFIER, "4" * 200_000, 0) is None
