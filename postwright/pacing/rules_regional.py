"""Replies of Comcast, Orange, GMX and WEB.DE, Netvigator, QQ and NetEase.

Data only; texts from the field, where no page is named unconfirmed, and the providers' pages that the texts name.
"""

from __future__ import annotations

from .rule import HOUR, MINUTE, Effect, Rule

_KUMOMTA = "wording from the field, unconfirmed; effect: KumoMTA community shaping rules"
_OWN = "wording from the field, unconfirmed; effect: own choice"
_COMCAST = "Please see http://postmaster.comcast.net/smtp-error-codes.php"
_ONE_CONNECTION = Effect("slow", hits=2, duration=HOUR, in_flight=1)
_AN_HOUR = Effect("suspend", hits=5, duration=HOUR)

RULES = (
    Rule(
        "comcast-throttled",
        "comcast",
        r"^4\d\d .*RL000010",
        f"421 4.1.0 resimta-po-03v.sys.comcast.net 203.0.113.7 Throttled - try again later. {_COMCAST}#RL000010",
        "rate",
        Effect("suspend", duration=5 * MINUTE),
        "Comcast, SMTP error codes; effect: KumoMTA default rules",
    ),
    Rule(
        "comcast-rate",
        "comcast",
        r"^4\d\d .*RL0000\d\d",
        f"421 4.1.0 resimta-po-03v.sys.comcast.net 203.0.113.7 Throttled - try again later. {_COMCAST}#RL000001",
        "rate",
        Effect("slow", hits=2, duration=2 * HOUR, per_minute=160),
        "Comcast, SMTP error codes; effect: KumoMTA default rules (10,000 an hour)",
    ),
    Rule(
        "comcast-block",
        "comcast",
        r"^5\d\d .*(BL00\d{4}|Comcast block for spam)",
        f"554 imta14.emeryville.ca.mail.comcast.net comcast 203.0.113.7 Comcast block for spam. {_COMCAST}#BL000000",
        "block",
        Effect("stop"),
        _OWN,
    ),
    Rule(
        "comcast-ptr",
        "comcast",
        r"^5\d\d .*must have a PTR record",
        "554 resimta-po-02v.sys.comcast.net comcast 203.0.113.7 Comcast requires that all mail servers must have a PTR record "
        "with a valid Reverse DNS entry.",
        "auth",
        None,
        "wording from the field, unconfirmed",
    ),
    Rule(
        "orange-connections",
        "orange",
        r"^4\d\d .*trop de connexions",
        "421 mwinf5c79 ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. "
        "OFR005_104 [104]",
        "rate",
        _ONE_CONNECTION,
        _KUMOMTA,
    ),
    Rule(
        "orange-listed",
        "orange",
        r"^5\d\d .*client host blocked for spamming issues",
        "550 mwinf5c04 ME Adresse IP source bloquee pour incident de spam. Client host blocked for spamming issues. OFR006_102 "
        "Ref http://csi.cloudmark.com/reset-request/?ip=203.0.113.7 [102]",
        "block",
        Effect("stop", hits=3),
        _OWN,
    ),
    Rule(
        "orange-refused",
        "orange",
        r"^5\d\d .*service refuse",
        "550 mwinf5c10 ME Service refuse. Veuillez essayer plus tard. Service refused, please try later. OFR006_103 203.0.113.7 "
        "[103]",
        "block",
        Effect("suspend", hits=2, duration=HOUR),
        _KUMOMTA,
    ),
    Rule(
        "orange-content",
        "orange",
        r"^5\d\d .*mail rejete.*ofr_506",
        "550 5.2.0 Mail rejete. Mail rejected. ofr_506 [506]",
        "content",
        None,
        "wording from the field, unconfirmed",
    ),
    Rule(
        "gmx-ptr",
        "gmx",
        r"^5\d\d .*bad DNS PTR",
        "554-gmx.net (mxgmx017) Nemesis ESMTP Service not available 554-No SMTP service 554-Bad DNS PTR resource record. 554 For "
        "explanation visit http://postmaster.gmx.com/en/error-messages?ip=203.0.113.7&c=rdns",
        "auth",
        None,
        "wording from the field, unconfirmed",
    ),
    Rule(
        "gmx-listed",
        "gmx",
        r"^5\d\d .*IP address is block ?listed",
        "554-gmx.net (mxgmx117) Nemesis ESMTP Service not available 554-No SMTP service 554-IP address is block listed. 554 For "
        "explanation visit https://www.gmx.net/mail/senderguidelines?c=bl",
        "block",
        Effect("stop"),
        _OWN,
    ),
    Rule(
        "gmx-connections",
        "gmx",
        r"^4\d\d .*too many connections",
        "421-gmx.net (mxgmx014) Nemesis ESMTP Service not available 421-No SMTP service 421-Too many connections. 421 For "
        "explanation visit https://www.gmx.net/mail/senderguidelines",
        "rate",
        Effect("slow", hits=3, duration=30 * MINUTE, in_flight=1),
        f"{_KUMOMTA}; sample: the words of its rule in the form of GMX's other replies",
    ),
    Rule(
        "gmx-policy-later",
        "gmx",
        r"^4\d\d .*reject due to policy (restrictions|violations)",
        "450-Requested mail action not taken: mailbox unavailable 450-Reject due to policy restrictions. 450 For explanation "
        "visit https://postmaster.gmx.net/de/case?c=r0103&i=ip&v=203.0.113.7&r=1McHM6-1srIWI1qNo-00dbDH",
        "rate",
        Effect("slow", hits=5, duration=HOUR, per_minute=1),
        _KUMOMTA,
    ),
    Rule(
        "gmx-policy",
        "gmx",
        r"^5\d\d .*reject due to policy (restrictions|violations)",
        "554-Transaction failed 554-Reject due to policy restrictions. 554 For explanation visit "
        "https://postmaster.gmx.net/de/case?c=r0735&i=ip&v=203.0.113.7&r=1McHM6-1srIWI1qNo-00dbDH",
        "policy",
        Effect("suspend", hits=5, duration=2 * HOUR),
        _KUMOMTA,
    ),
    Rule(
        "netvigator-session",
        "netvigator",
        r"too many messages for this session",
        "452 4.5.3 Too many messages for this session",
        "rate",
        Effect("suspend", hits=3, duration=30 * MINUTE),
        f"{_KUMOMTA}; sample: the words of its rule",
    ),
    Rule(
        "qq-rate",
        "qq",
        r"^5\d\d .*(ip|sender|domain|connection) frequency limited",
        "550 Ip frequency limited [MPlKl0rOFr7gbTMNcdcVLQ== IP: 203.0.113.7]. "
        "http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000725",
        "rate",
        _AN_HOUR,
        _KUMOMTA,
    ),
    Rule(
        "qq-content",
        "qq",
        r"^5\d\d .*mail content denied",
        "550 Mail content denied. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000726",
        "content",
        _AN_HOUR,
        _KUMOMTA,
    ),
    Rule(
        "netease-spam-later",
        "netease",
        r"^451 .*DT:SPM",
        "451 DT:SPM 163 mx14,PsmowAD3e6IErwhef0UTAA--.59911S2 1578553092,please try again",
        "content",
        Effect("suspend", hits=5, duration=15 * MINUTE),
        _KUMOMTA,
    ),
    Rule(
        "netease-spam",
        "netease",
        r"^554 .*DT:SPM",
        "554 DT:SPM 163 mx14,PsmowAD3e6IErwhef0UTAA--.59911S2 1578553092,please see "
        "http://mail.163.com/help/help_spam_16.htm?ip=203.0.113.7&hostid=mx14&time=1578553092",
        "content",
        _ONE_CONNECTION,
        _KUMOMTA,
    ),
    Rule(
        "netease-limit",
        "netease",
        r"^5\d\d .*(HL:ITC|RP:ORQ)",
        "554 HL:ITC 163 mx24,QsCowADX36gzK2xewhWgDg--.3154S2 1584147251 "
        "http://mail.163.com/help/help_spam_16.htm?ip=203.0.113.7&hostid=mx24&time=1584147251",
        "rate",
        Effect("suspend", hits=2, duration=HOUR),
        _KUMOMTA,
    ),
    Rule(
        "netease-connections",
        "netease",
        r"^421 .*too many connections",
        "421 Too many connections",
        "rate",
        _ONE_CONNECTION,
        f"{_KUMOMTA}; sample: the words of its rule",
    ),
)
