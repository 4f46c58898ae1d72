"""Replies of Yahoo and AOL, and of Yahoo! JAPAN, which is another company with some of the same codes.

Data only. Texts: from the field, unconfirmed; classes: senders.yahooinc.com/smtp-error-codes (2026-02-15), which says of 4xx: retry
later, of 5xx: never again to this recipient.
"""

from __future__ import annotations

from .rule import HOUR, MINUTE, Effect, Rule

_YAHOO = "Yahoo, SMTP error codes"
_KUMOMTA = "wording from the field, unconfirmed; effect: KumoMTA shaping rules"
_SEE = "see https://postmaster.yahooinc.com/error-codes"
_ONE_A_MINUTE = Effect("slow", duration=90 * MINUTE, per_minute=1, in_flight=1)

RULES = (
    Rule(
        "yahoo-listed",
        "yahoo",
        r"^55[34] .*\[BL\d+\]",
        "553 5.7.1 [BL21] Connections will not be accepted from 203.0.113.7, because the ip is in Spamhaus's list; see "
        "http://postmaster.yahoo.com/550-bl23.html",
        "block",
        Effect("stop"),
        "wording from the field, unconfirmed; effect: own choice",
    ),
    Rule(
        "yahoo-ts05",
        "yahoo",
        r"^421 .*\[(TSS05|IPTS05)\]",
        f"421 4.7.0 [TSS05] Messages from 203.0.113.7 temporarily deferred due to user complaints - 4.16.55.1; {_SEE}",
        "block",
        Effect("suspend", hits=2, duration=4 * HOUR),
        _KUMOMTA,
    ),
    Rule(
        "yahoo-ts04",
        "yahoo",
        r"^421 .*\[(TS04|TSS04|IPTS04)\]",
        "421 4.7.0 [TSS04] Messages from 203.0.113.7 temporarily deferred due to unexpected volume or user complaints - "
        f"4.16.55.1; {_SEE}",
        "block",
        Effect("suspend", hits=2, duration=2 * HOUR),
        _KUMOMTA,
    ),
    Rule(
        "yahoo-ts03",
        "yahoo",
        r"^421 .*(\[TS03\]|will be permanently deferred)",
        "421 4.7.1 [TS03] All messages from 203.0.113.7 will be permanently deferred; Retrying will NOT succeed. See "
        "http://postmaster.yahoo.com/421-ts03.html",
        "rate",
        _ONE_A_MINUTE,
        _KUMOMTA,
    ),
    Rule(
        "yahoo-ts02",
        "yahoo",
        r"^421 .*\[TS02\]",
        f"421 4.7.0 [TS02] Messages from 203.0.113.7 temporarily deferred due to user complaints - 4.16.56.1; {_SEE}",
        "rate",
        Effect("slow", hits=3, duration=30 * MINUTE, per_minute=1),
        _KUMOMTA,
    ),
    Rule(
        "yahoo-deferred",
        "yahoo",
        r"^4\d\d .*(\[(IP)?TSS?\d+\]|messages? from \S+ temporarily deferred)",
        f"421 4.7.0 [TS01] Messages from 203.0.113.7 temporarily deferred due to user complaints - 4.16.55.1; {_SEE}",
        "rate",
        _ONE_A_MINUTE,
        _KUMOMTA,
    ),
    Rule(
        "yahoo-message-deferred",
        "yahoo",
        r"^4\d\d .*message temporarily deferred",
        "451 Message temporarily deferred - [170]",
        "rate",
        Effect("slow", hits=3, duration=30 * MINUTE, per_minute=10),
        "wording from the field, unconfirmed; effect: own choice",
    ),
    # A limit of messages per connection, not a rate: a new connection is all it wants.
    Rule(
        "yahoo-per-connection",
        "yahoo",
        r"^421 .*max message per connection",
        "421 Max message per connection reached, closing transmission channel",
        "connection",
        None,
        "wording from the field, unconfirmed",
    ),
    Rule(
        "yahoo-busy",
        "yahoo",
        r"^4\d\d .*resources temporarily unavailable",
        "451 mta349.mail.mud.yahoo.com Resources temporarily unavailable. Please try again later [#4.16.1].",
        "temporary",
        None,
        _YAHOO,
    ),
    Rule(
        "yahoo-content",
        "yahoo",
        r"^5\d\d .*\[PH\d+\]",
        f"554 Message not allowed - [PH01] Email not accepted for policy reasons. Please visit {_SEE.removeprefix('see ')}",
        "content",
        None,
        _YAHOO,
    ),
    Rule(
        "yahoo-auth",
        "yahoo",
        r"^554 5\.7\.9 ",
        f"554 5.7.9 Message not accepted for policy reasons. See {_SEE.removeprefix('see ')}",
        "auth",
        None,
        f"{_YAHOO}: the sending domain's DMARC or DKIM policy",
    ),
    Rule(
        "yahoojapan-address",
        "yahoojapan",
        r"VS98-IP0 deferred",
        "553 Mail from 203.0.113.7 not allowed - VS98-IP0 deferred",
        "rate",
        Effect("suspend", hits=2, duration=HOUR),
        _KUMOMTA,
    ),
    Rule(
        "yahoojapan-deferred",
        "yahoojapan",
        r"^421 .*\[(TSS04|IPTS04)\]",
        "421 [IPTS04] Messages from 203.0.113.7 temporarily deferred due to unexpected volume or user complaints",
        "rate",
        Effect("suspend", hits=2, duration=HOUR),
        _KUMOMTA,
    ),
)
