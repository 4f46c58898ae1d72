"""Replies of filters that stand before many business domains, Proofpoint and Mimecast, and of Apple, which uses one.

Data only; texts from the field, where no page is named unconfirmed, and the gateways' lists of error codes.
"""

from __future__ import annotations

from .rule import HOUR, MINUTE, Effect, Rule

_KUMOMTA = "wording from the field, unconfirmed; effect: KumoMTA community shaping rules"
_OWN = "wording from the field, unconfirmed; effect: own choice"
_MIMECAST = "https://community.mimecast.com/docs/DOC-1369"
_STOP = Effect("stop", hits=2)

RULES = (
    Rule(
        "proofpoint-listed",
        "proofpoint",
        r"^5\d\d .*(blocked - see https?://\S*proofpoint|blocked using Proofpoint)",
        "554 Blocked - see https://ipcheck.proofpoint.com/?ip=203.0.113.7",
        "block",
        _STOP,
        _OWN,
    ),
    Rule(
        "apple-listed",
        "apple",
        r"^5\d\d .*blocked - see https?://\S*proofpoint",
        "554 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=203.0.113.7",
        "block",
        _STOP,
        _OWN,
    ),
    Rule(
        "apple-dbl",
        "apple",
        r"domain present in the Spamhaus DBL",
        "554 5.7.1 Your email was rejected due to having a domain present in the Spamhaus DBL -- see "
        "https://www.spamhaus.org/dbl/",
        "block",
        Effect("suspend", hits=3, duration=4 * HOUR, scope="provider"),
        _KUMOMTA,
    ),
    Rule(
        "apple-deferred",
        "apple",
        r"^4\d\d .*\[HCM1\]",
        "421 [HCM1] Your mail from 203.0.113.7 was deferred. Please try again later.",
        "rate",
        Effect("suspend", hits=3, duration=15 * MINUTE),
        _KUMOMTA,
    ),
    Rule(
        "apple-busy",
        "apple",
        r"^4\d\d .*(\[BS02\]|service unavailable - try again later)",
        "451 [BS02] Temporary server error. Please try again later.",
        "temporary",
        Effect("suspend", hits=5, duration=15 * MINUTE),
        _KUMOMTA,
    ),
    Rule(
        "apple-content",
        "apple",
        r"^55\d .*rejected due to local policy",
        "554 5.7.1 [CS01] Message rejected due to local policy. Please visit https://support.apple.com/en-us/HT204137",
        "content",
        None,
        "wording from the field, unconfirmed",
    ),
    Rule(
        "mimecast-busy",
        "mimecast",
        r"^451 .*internal resource temporarily unavailable",
        f"451 Internal resource temporarily unavailable - {_MIMECAST}#451 [__8EfOo0Oty2fp09HOzgSw.us354]",
        "rate",
        Effect("suspend", hits=3, duration=30 * MINUTE),
        _KUMOMTA,
    ),
    Rule(
        "mimecast-blacklisted",
        "mimecast",
        r"^4\d\d .*ip temporarily blacklisted",
        f"451 IP temporarily blacklisted - {_MIMECAST}#451 [kTCK6q1iM42ZIwSyMhPq2A.uk118]",
        "block",
        Effect("suspend", hits=3, duration=2 * HOUR),
        "Mimecast, SMTP error codes; effect: as KumoMTA has it for block lists",
    ),
    Rule(
        "mimecast-reputation",
        "mimecast",
        r"^5\d\d .*poor reputation sender",
        f"550 csi.mimecast.org Poor Reputation Sender. - {_MIMECAST}#550 [6xQGk6ZaNyiZTZ3LKl3wcA.uk276]",
        "block",
        Effect("suspend", hits=3, duration=2 * HOUR),
        "Mimecast, SMTP error codes; effect: as KumoMTA has it for block lists",
    ),
    Rule(
        "mimecast-spoofing",
        "mimecast",
        r"^5\d\d .*anti-spoofing",
        f"550 Rejected by header based Anti-Spoofing policy: office@example.com - {_MIMECAST}#550 [hvqBqmoBMRyy6PjzL6wE4g.uk52]",
        "auth",
        None,
        "Mimecast, SMTP error codes",
    ),
)
