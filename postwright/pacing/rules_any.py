"""Replies that many receivers give, for what no rule of the provider itself knows; the first that fits counts.

Data only. Behind "other" stand thousands of small domains: one of them must not stop mail to all the rest, so several must
say the same (results.py), and words about one mailbox or about the receiver's own trouble never slow a lane.
"""

from __future__ import annotations

from .rule import HOUR, MINUTE, Effect, Rule

_KUMOMTA = "wording from the field, unconfirmed; effect: KumoMTA default rules"
_OWN = "wording from the field, unconfirmed; effect: own choice"
_ONE_A_MINUTE = Effect("slow", duration=90 * MINUTE, per_minute=1, in_flight=1)

RULES = (
    # The receiver asks Spamhaus in a way Spamhaus refuses, and takes the refusal for a listing.
    Rule(
        "dnsbl-misused",
        None,
        r"error: open resolver|spamhaus\.org/returnc/",
        "554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using zen.spamhaus.org; Error: open resolver; "
        "https://check.spamhaus.org/returnc/pub/192.0.2.53/",
        "policy",
        None,
        "Spamhaus, return codes of the public mirrors",
    ),
    Rule(
        "spamhaus-domain",
        None,
        r"dbl\.spamhaus|spamhaus (dbl|domain block)",
        "554 5.7.1 Service unavailable; Sender address [office@example.com] blocked using dbl.spamhaus.org; "
        "https://www.spamhaus.org/query/domain/example.com",
        "block",
        Effect("suspend", hits=3, duration=4 * HOUR, scope="provider"),
        "wording from the field, unconfirmed; effect: as KumoMTA has it for Apple",
    ),
    Rule(
        "spamhaus",
        None,
        r"^[45]\d\d .*spamhaus",
        "554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using zen.spamhaus.org; "
        "https://www.spamhaus.org/query/ip/203.0.113.7",
        "block",
        Effect("stop", hits=3),
        _OWN,
    ),
    Rule(
        "block-list",
        None,
        r"^[45]\d\d .*(barracudacentral\.org|bl\.spamcop\.net)",
        "554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using b.barracudacentral.org; "
        "http://www.barracudanetworks.com/reputation/?pr=1&ip=203.0.113.7",
        "block",
        Effect("suspend", hits=5, duration=2 * HOUR),
        "wording from the field, unconfirmed; effect: as KumoMTA has it for block lists",
    ),
    Rule(
        "small-block-list",
        None,
        r"^[45]\d\d .*blocked using ",
        "554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using dnsbl-3.uceprotect.net; Your ISP is UCEPROTECT-"
        "Level3 listed. See: http://www.uceprotect.net/rblcheck.php?ipr=203.0.113.7",
        "policy",
        None,
        "wording from the field, unconfirmed: lists of whole networks and private ones",
    ),
    Rule(
        "poor-reputation",
        None,
        r"^5\d\d .*(poor reputation|IP reputation fail)",
        "554-mx1.example.net 554 Your access to this mail system has been rejected due to the sending MTA's poor reputation. If "
        "you believe that this failure is in error, please contact the intended recipient via alternate means.",
        "block",
        Effect("suspend", hits=5, duration=2 * HOUR),
        "wording from the field, unconfirmed (Cisco); effect: as KumoMTA has it for block lists",
    ),
    Rule(
        "greylisted",
        None,
        r"^4\d\d .*gr[ae]y-?list",
        "450 4.2.0 <office@example.net>: Recipient address rejected: Greylisted, see "
        "http://postgrey.schweikert.ch/help/example.net.html",
        "greylist",
        None,
        "wording from the field, unconfirmed (Postgrey)",
    ),
    Rule(
        "user-rate",
        None,
        r"^[45]\d\d .*(user|recipient|mailbox)\b.* receiving (e?mail|messages) (too|at a rate)",
        "450 User is receiving mail too quickly",
        "mailbox",
        None,
        "wording from the field, unconfirmed",
    ),
    Rule(
        "deferred-address",
        None,
        r"^4\d\d .*messages? from \S+ (temporarily deferred|weren't sent|will be permanently deferred)",
        "421 4.7.0 Messages from 203.0.113.7 temporarily deferred due to user complaints - 4.16.55.1",
        "rate",
        _ONE_A_MINUTE,
        _KUMOMTA,
    ),
    Rule(
        "reputation-rate",
        None,
        r"^[45]\d\d .*(rate limited due to IP reputation|IP reputation ratelimit)",
        "554 5.2.0 sc969: IP reputation ratelimit in effect - "
        "https://support.bluewin.ch/provider/bounce/aXA9NS4xMDIuMTQ1LjIzO2M9c2M5Njk7",
        "rate",
        _ONE_A_MINUTE,
        _KUMOMTA,
    ),
    Rule(
        "untrusted-address",
        None,
        r"^4\d\d .*new or untrusted IP",
        "451 4.7.1 Received too many messages from a new or untrusted IP: 203.0.113.7 (Z27/6828692) (G28)",
        "rate",
        Effect("slow", hits=3, duration=30 * MINUTE, per_minute=10),
        _OWN,
    ),
    Rule(
        "connections",
        None,
        r"^4\d\d .*too many (concurrent |simultaneous |open )?(smtp )?(connections|sessions)",
        "421 4.7.0 mx1.example.net Error: too many connections from 203.0.113.7",
        "rate",
        Effect("slow", hits=5, duration=15 * MINUTE, in_flight=2),
        "Postfix smtpd; effect: own choice",
    ),
    Rule(
        "rate",
        None,
        r"^4\d\d .*(rate[- ]?limit|rate exceeded|throttl|too many (messages|e?mails|mails)|too (fast|quickly)|slow down"
        r"|exceeded .*\b(rate|quota for sending))",
        "450 4.7.1 Error: too many messages from 203.0.113.7; rate limit exceeded",
        "rate",
        Effect("slow", hits=5, duration=15 * MINUTE, per_minute=10),
        "Postfix smtpd; effect: own choice",
    ),
    Rule(
        "auth",
        None,
        r"^[45]\d\d ([45]\.7\.(2[0-9]|30) |.*\b(DMARC|DKIM|SPF|PTR|reverse (DNS|hostname)|STARTTLS)\b)",
        "550 5.7.1 Email rejected per DMARC policy for example.com",
        "auth",
        None,
        "RFC 7372; wording from the field, unconfirmed",
    ),
    Rule(
        "mailbox-full",
        None,
        r"^[45]\d\d ([45]\.2\.2 |.*(over ?quota|mailbox( is)? full))",
        "452-4.2.2 The recipient's inbox is out of storage space. Please direct the 452-4.2.2 recipient to 452 4.2.2 "
        "https://support.google.com/mail/?p=OverQuotaTemp 00721157ae682-6ff5c2bd8a1si48211.7 - gsmtp",
        "mailbox",
        None,
        "RFC 3463 §3.3",
    ),
    Rule(
        "mailbox",
        None,
        r"^[45]\d\d ([45]\.(1\.[1-36]|2\.1) |.*(user unknown|unknown user|no such user|mailbox (not found|unavailable|is disabled)"
        r"|(does not|doesn't) exist|(doesn't|does not) have a \S+ account|no longer valid|recipient not found))",
        "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking the "
        "recipient's email address for typos or 550-5.1.1 unnecessary spaces. For more information, go to 550 5.1.1 "
        "https://support.google.com/mail/?p=NoSuchUser 00721157ae682-6ff5c2bd8a1si48211.7 - gsmtp",
        "mailbox",
        None,
        "RFC 3463 §3.2 and §3.3",
    ),
    Rule(
        "content",
        None,
        r"^[45]\d\d ([45]\.(3\.4|2\.3|6\.\d) |.*(content rejected|virus|phishing|(looks like|considered|detected as|identified as) "
        r"(a )?spam|spam (detected|message|content)|message (too large|size exceeds)))",
        "550 5.7.1 Message content rejected, spam detected",
        "content",
        None,
        "wording from the field, unconfirmed (SFR, Free)",
    ),
    Rule(
        "policy",
        None,
        r"^5\d\d (5\.7\.|.*\b(policy|access denied|blocked|rejected)\b)",
        "550 5.7.1 Denied by policy",
        "policy",
        None,
        "RFC 3463 §3.8",
    ),
    Rule(
        "temporary",
        None,
        r"^4\d\d ",
        "451 4.3.0 Mail server temporarily rejected message. 00721157ae682-6ff5c2bd8a1si48211.7 - gsmtp",
        "temporary",
        None,
        "RFC 5321 §4.2.1",
    ),
    Rule(
        "permanent",
        None,
        r"^5\d\d ",
        "554 Transaction failed",
        "other",
        None,
        "RFC 5321 §4.2.1",
    ),
)

# What Postfix says itself when no reply came.
LOCAL = Rule(
    "connection",
    None,
    r"timed out|refused|lost connection|reset by peer|unreachable|no route|not found|name service error|loops back|\bTLS\b|certificate",
    "connect to mx1.example.net[192.0.2.25]:25: Connection timed out",
    "connection",
    None,
    "Postfix smtp(8)",
)
