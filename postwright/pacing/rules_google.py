"""Replies of Gmail and Google Workspace.

Data only. Texts: knowledge.workspace.google.com, "Gmail SMTP errors and codes" (2026-02-15); others from the field, unconfirmed. Recovery:
support.google.com/mail/answer/81126: stop for at least ten minutes, resume by one connection, add one at a time.
"""

from __future__ import annotations

from .rule import HOUR, MINUTE, Effect, Rule

_CODES = "Google, Gmail SMTP errors and codes"
_GUIDELINES = "Google, Email sender guidelines (81126): on 421 4.7.28"
_KUMOMTA = f"{_CODES}; effect: KumoMTA community shaping rules"
_GSMTP = "00721157ae682-6ff5c2bd8a1si48211.7 - gsmtp"

RULES = (
    Rule(
        "google-message-id",
        "google",
        r"^421 4\.7\.28 .*same Message-ID",
        "421-4.7.28 Gmail has detected this sender exceeded the quota for sending 421-4.7.28 messages that have the same "
        "Message-ID:. To best protect our 421-4.7.28 users, the message has been temporarily rejected. For more 421 4.7.28 "
        f"information, go to https://support.google.com/mail/answer/188131. {_GSMTP}",
        "content",
        None,
        _CODES,
    ),
    Rule(
        "google-rate-address",
        "google",
        r"^421 4\.7\.(0|28) .*unusual (rate|amount) of .*from your IP address",
        "421-4.7.28 [203.0.113.7      15] Our system has detected an unusual rate of 421-4.7.28 unsolicited mail originating "
        "from your IP address. To protect our 421-4.7.28 users from spam, mail sent from your IP address has been temporarily "
        "421-4.7.28 rate limited. Please visit 421-4.7.28 https://support.google.com/mail/?p=UnsolicitedRateLimitError to "
        f"421 4.7.28 review our Bulk Email Senders Guidelines. {_GSMTP}",
        "rate",
        Effect("recover", duration=10 * MINUTE, in_flight=1),
        _GUIDELINES,
    ),
    # Of the netblock, the DKIM, SPF or URL domain, or unstated: all lanes of the host share the cause.
    Rule(
        "google-rate",
        "google",
        r"^421 4\.7\.28 ",
        "421-4.7.28 Gmail has detected an unusual rate of unsolicited email originating 421-4.7.28 from your DKIM domain "
        "example.com 36. To protect our users from 421-4.7.28 spam, email sent from your domain has been temporarily rate "
        f"421 4.7.28 limited. To review our bulk email senders guidelines, go to Email sender guidelines. {_GSMTP}",
        "rate",
        Effect("recover", duration=10 * MINUTE, in_flight=1, scope="provider"),
        _GUIDELINES,
    ),
    Rule(
        "google-reputation-address",
        "google",
        r"^(421 4|550 5)\.7\.\d+ .*very low reputation of the sending IP address",
        "421-4.7.0 [203.0.113.7      19] This message is suspicious due to the very low 421-4.7.0 reputation of the sending IP "
        "address. To protect our users from spam, 421-4.7.0 email sent from your IP address has been temporarily rate limited. "
        f"421 4.7.0 For more information, go to https://support.google.com/mail/answer/188131. {_GSMTP}",
        "block",
        Effect("suspend", hits=5, duration=HOUR),
        _KUMOMTA,
    ),
    Rule(
        "google-reputation-domain",
        "google",
        r"^(421 4|550 5)\.7\.\d+ .*very low reputation of the sending domain",
        "550-5.7.1 [203.0.113.7      19] Gmail has detected that this message is likely 550-5.7.1 suspicious due to the very "
        "low reputation of the sending domain. To best 550-5.7.1 protect our users from spam, the message has been blocked. For "
        f"more 550 5.7.1 information, go to https://support.google.com/mail/answer/188131 {_GSMTP}",
        "block",
        Effect("suspend", hits=5, duration=HOUR, scope="provider"),
        _KUMOMTA,
    ),
    Rule(
        "google-not-direct",
        "google",
        r"^550 5\.7\.1 .*not authorized to send email directly",
        "550-5.7.1 [203.0.113.7] The IP you're using to send mail is not authorized to 550-5.7.1 send email directly to our "
        f"servers. Please use the SMTP relay at your 550 5.7.1 service provider instead. {_GSMTP}",
        "block",
        Effect("stop", hits=2),
        f"{_CODES}; effect: own choice",
    ),
    Rule(
        "google-content",
        "google",
        r"^(421 4|550 5)\.7\.\d+ .*(nature of the content|likely unsolicited)",
        "550-5.7.1 [203.0.113.7      12] Our system has detected that this message is 550-5.7.1 likely unsolicited mail. To "
        "reduce the amount of spam sent to Gmail, 550-5.7.1 this message has been blocked. Please visit 550-5.7.1 "
        f"https://support.google.com/mail/?p=UnsolicitedMessageError 550 5.7.1 for more information. {_GSMTP}",
        "content",
        Effect("suspend", hits=5, duration=HOUR),
        _KUMOMTA,
    ),
    # These say "rate limited" too; only DNS or the signature heals them, a slower pace does not.
    Rule(
        "google-auth",
        "google",
        r"^[45]\d\d [45]\.7\.(2[3-79]|3[0-2]|40) ",
        "421-4.7.26 This mail has been rate limited because it is unauthenticated. Gmail 421-4.7.26 requires all senders to "
        "authenticate with either SPF or DKIM. 421-4.7.26 421-4.7.26 Authentication results: 421-4.7.26 DKIM = did not pass "
        f"421-4.7.26 SPF [example.com] with ip: [203.0.113.7] = did not pass {_GSMTP}",
        "auth",
        None,
        _CODES,
    ),
    Rule(
        "google-auth-address",
        "google",
        r"^(421 4|550 5)\.7\.[01] .*(PTR record|TLS required|DMARC policy|not in whitelist)",
        "421-4.7.0 [203.0.113.7] The IP address sending this message does not have a 421-4.7.0 PTR record, or the "
        "corresponding forward DNS entry does not point to 421-4.7.0 the sending IP. To protect our users from spam, email "
        f"sent from your 421 4.7.0 IP address has been temporarily rate limited. {_GSMTP}",
        "auth",
        None,
        _CODES,
    ),
    Rule(
        "google-user-rate",
        "google",
        r"^(450 4|550 5)\.2\.1 .*(receiving (e?mail )?(at a rate|too quickly)|receiving e?mail)",
        "450-4.2.1 The user you are trying to contact is receiving mail at a rate that 450-4.2.1 prevents additional messages "
        "from being delivered. Please resend your 450-4.2.1 message at a later time. For more information, please visit "
        f"450 4.2.1 https://support.google.com/mail/?p=ReceivingRate {_GSMTP}",
        "mailbox",
        None,
        _CODES,
    ),
    Rule(
        "google-try-later",
        "google",
        r"^421 4\.7\.0 .*try again later",
        f"421 4.7.0 Try again later, closing connection. (EHLO) {_GSMTP}",
        "rate",
        Effect("slow", hits=5, duration=15 * MINUTE, per_minute=10, in_flight=1),
        f"{_CODES}; effect: own choice",
    ),
)
