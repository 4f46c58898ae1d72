"""Replies of Exchange Online (microsoft365) and of Outlook.com and Hotmail (outlook), which share most of their texts.

Data only. Texts: Outlook.com Postmaster, "Troubleshooting" (2025-12-03), the NDR pages of Exchange Online and public
logs. A Microsoft engineer (mailop, 2026-02): S3150 is what follows when one does not slow down after 4xx.
"""

from __future__ import annotations

from .rule import HOUR, MINUTE, Effect, Kind, Rule

_POSTMASTER = "Outlook.com Postmaster, Troubleshooting"
_NDR = "Microsoft, non-delivery reports in Exchange Online"
_KUMOMTA = "wording from the field, unconfirmed; effect: KumoMTA community shaping rules"
_HOST = "[DB3PEPF0000885D.eurprd02.prod.outlook.com 2024-10-07T11:48:34.472Z 08DCE59E609E592B]"
_AGENT = f"[Name=Protocol Filter Agent][AGT=PFA][MxId=11B9CB3CBE70C55A] {_HOST}"
_ONE_A_MINUTE = Effect("slow", duration=90 * MINUTE, per_minute=1, in_flight=1)
_ONE_CONNECTION = Effect("slow", hits=2, duration=HOUR, in_flight=1)
_STOP = Effect("stop")


def _both(name: str, pattern: str, sample: str, kind: Kind, effect: Effect | None, source: str) -> tuple[Rule, ...]:
    providers = ("microsoft365", "outlook")
    return tuple(Rule(f"{it}-{name}", it, pattern, sample, kind, effect, source) for it in providers)


RULES = (
    *_both(
        "block",
        r"^550 .*part of their network is on our block list",
        "550 5.7.1 Unfortunately, messages from [203.0.113.7] weren't sent. Please contact your Internet service provider "
        "since part of their network is on our block list (S3150). You can also refer your provider to "
        f"http://mail.live.com/mail/troubleshooting.aspx#errors. {_AGENT}",
        "block",
        _STOP,
        "wording from the field, unconfirmed (S3140, S3150); effect: own choice",
    ),
    *_both(
        "banned",
        r"^550 5\.7\.(511|60[6-9]|6[1-4]\d) .*banned send(er|ing)",
        "550 5.7.606 Access denied, banned sending IP [203.0.113.7]. To request removal from this list please visit "
        "https://sender.office.com/ and follow the directions. For more information please go to "
        f"http://go.microsoft.com/fwlink/?LinkID=526655 (AS16012609) {_HOST}",
        "block",
        _STOP,
        f"{_NDR}; effect: own choice",
    ),
    *_both(
        "spamhaus",
        r"^550 .*blocked using Spamhaus",
        "550 5.7.1 Service unavailable, Client host [203.0.113.7] blocked using Spamhaus. To request removal from this list "
        "see https://www.spamhaus.org/query/ip/203.0.113.7 (AS3130). [VE1EUR01FT062.eop-EUR01.prod.protection.outlook.com]",
        "block",
        _STOP,
        "wording from the field, unconfirmed (S3130); effect: own choice",
    ),
    # New addresses get this at low volumes too; it passes by going on slowly, not by silence.
    *_both(
        "reputation",
        r"^4\d\d .*temporarily rate limited due to IP reputation",
        "451 4.7.650 The mail server [203.0.113.7] has been temporarily rate limited due to IP reputation. For e-mail delivery "
        f"information, see https://postmaster.live.com (S775) {_AGENT}",
        "rate",
        _ONE_A_MINUTE,
        "wording from the field, unconfirmed (S775, S844, S3113, S3114); effect: KumoMTA default rules",
    ),
    *_both(
        "busy",
        r"^4\d\d .*server busy",
        "451 4.7.500 Server busy. Please try again later from [203.0.113.7]. (S77719) "
        "[AM5EUR02FT025.eop-EUR02.prod.protection.outlook.com]",
        "rate",
        Effect("slow", hits=3, duration=15 * MINUTE, per_minute=1),
        _KUMOMTA,
    ),
    *_both(
        "denied-later",
        r"^4\d\d .*access denied, please try again later",
        "451 4.7.500 Access denied, please try again later "
        "(AS77711) [VE1EUR03FT034.eop-EUR03.prod.protection.outlook.com]",
        "rate",
        Effect("suspend", hits=5, duration=HOUR),
        _KUMOMTA,
    ),
    *_both(
        "server-error",
        r"^4\d\d .*temporary server error",
        f"451 4.7.0 Temporary server error. Please try again later. PRX2 {_HOST}",
        "temporary",
        Effect("suspend", hits=5, duration=HOUR),
        _KUMOMTA,
    ),
    *_both(
        "connections",
        r"^4\d\d .*(RP-003|exceeded the (maximum number of connections|connection limit)|max concurrent connections)",
        "421 RP-003 The mail server IP connecting to Outlook.com server has exceeded the connection limit allowed. Reason for "
        "rate limitation is related to IP/domain reputation. If you are not an email/network admin please contact your "
        "Email/Internet Service Provider for help.",
        "rate",
        _ONE_CONNECTION,
        f"{_POSTMASTER}; effect: KumoMTA community shaping rules",
    ),
    *_both(
        "per-connection",
        r"^4\d\d .*(RP-002|messages per connection)",
        "421 RP-002 The mail server IP connecting to Outlook.com server has exceeded the rate limit allowed on this connection. "
        "Reason for rate limitation is related to IP/domain reputation. If you are not an email/network admin please contact "
        "your Email/Internet Service Provider for help.",
        "rate",
        _ONE_CONNECTION,
        f"{_POSTMASTER}; effect: own choice",
    ),
    *_both(
        "rate",
        r"^4\d\d .*(RP-001|exceeded the rate limit allowed)",
        "421 RP-001 The mail server IP connecting to Outlook.com server has exceeded the rate limit allowed. Reason for rate "
        "limitation is related to IP/domain reputation. If you are not an email/network admin please contact your "
        "Email/Internet Service Provider for help.",
        "rate",
        _ONE_A_MINUTE,
        f"{_POSTMASTER}; effect: KumoMTA default rules",
    ),
    *_both(
        "address-policy",
        r"^550 .*(SC-00[234]|DY-00[12]|OU-001)\b",
        "550 SC-004 Mail rejected by Outlook.com for policy reasons. A block has been placed against your IP address because we "
        "have received complaints concerning mail coming from that IP address. We recommend enrolling in our Junk Email "
        "Reporting Program (JMRP), a free program intended to help senders remove unwanted recipients from their email list.",
        "block",
        _STOP,
        f"{_POSTMASTER}; effect: own choice",
    ),
    *_both(
        "reputation-policy",
        r"^550 .*(SC-001|OU-002)\b",
        "550 OU-002 Mail rejected by Outlook.com for policy reasons. Reasons for rejection may be related to content with "
        "spam-like characteristics or IP/domain reputation. If you are not an email/network admin please contact your "
        "Email/Internet Service Provider for help.",
        "block",
        Effect("suspend", hits=5, duration=2 * HOUR),
        f"{_POSTMASTER}; effect: as KumoMTA has it for block lists",
    ),
    *_both(
        "auth",
        r"^550 5\.7\.(23|26|509|515) ",
        "550 5.7.515 Access denied, sending domain example.com doesn't meet the required authentication level. The sender's "
        "domain in the 5322.From address doesn't meet the authentication requirements defined for the sender. "
        "Spf= Fail , Dkim= Fail , DMARC= Fail "
        f"{_HOST}",
        "auth",
        None,
        _POSTMASTER,
    ),
    *_both(
        "tenant-policy",
        r"^550 5\.7\.(513|133|124|750) ",
        "550 5.7.513 Service unavailable, Client host [203.0.113.7] blocked by example.net using Customer Block list "
        f"(AS16012607) {_HOST}",
        "policy",
        None,
        _NDR,
    ),
    *_both(
        "recipient",
        r"^550 5\.4\.1 .*recipient address rejected",
        f"550 5.4.1 Recipient address rejected: Access denied. {_HOST}",
        "mailbox",
        None,
        _NDR,
    ),
)
