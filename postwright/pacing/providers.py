"""Receivers of mail, told apart by the MX hosts of a domain, and what each bears at once.

Pure. Most business domains live at a few providers, so a rule by recipient domain misses them; Google says that its
limits count by the MX record's domain (support.google.com/mail/answer/81126). A name here never comes from the network.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

OTHER, UNKNOWN = "other", "unknown"
_KUMOMTA = "KumoMTA shaping.toml (assets/policy-extras and assets/community)"
_OURS = "own choice: the provider publishes no number"


@dataclass(frozen=True)
class Provider:
    """One receiver. ``suffixes``: DNS names its MX hosts end in, lower case, without dots around; none for a rest class.

    ``connections``: at once from one sending address. ``messages_per_connection``: then QUIT. ``per_minute``: messages
    from one address, None for no limit. ``usual``: in use when the inventory says nothing. ``source``: of the numbers.
    """

    name: str
    suffixes: tuple[str, ...]
    connections: int
    messages_per_connection: int
    per_minute: int | None = None
    usual: bool = False
    source: str = _KUMOMTA


PROVIDERS: tuple[Provider, ...] = (
    Provider("google", ("google.com", "googlemail.com"), 5, 50, usual=True),
    # One tenant may answer at either name; the second is the one with DANE.
    Provider("microsoft365", ("mail.protection.outlook.com", "mx.microsoft"), 5, 50, usual=True),
    Provider("outlook", ("olc.protection.outlook.com",), 5, 50, usual=True),
    Provider("yahoo", ("yahoodns.net",), 10, 20, usual=True, source=f"{_KUMOMTA}; connections: its default"),
    Provider("apple", ("icloud.com",), 10, 5, usual=True),
    Provider("proofpoint", ("pphosted.com", "ppe-hosted.com"), 10, 50, usual=True, source=_OURS),
    Provider("mimecast", ("mimecast.com", "mimecast.co.za", "mimecast-offshore.com"), 10, 100, usual=True),
    Provider("comcast", ("comcast.net",), 25, 1000),
    Provider("orange", ("orange.fr",), 2, 100),
    Provider("gmx", ("gmx.net", "web.de"), 4, 20),
    Provider("yahoojapan", ("yahoo.co.jp",), 2, 20, 600),
    Provider("barracuda", ("barracudanetworks.com",), 10, 15),
    Provider("netvigator", ("netvigator.com",), 5, 10),
    Provider("kpn", ("kpnmail.nl",), 10, 10),
    Provider("qq", ("qq.com",), 4, 8),
    Provider("netease", ("netease.com",), 4, 7),
    Provider("mailcom", ("mail.com",), 10, 100, source=f"{_KUMOMTA}; connections: its default"),
    # Many receivers in one class: what is too much for one of them is spread over all.
    Provider(OTHER, (), 20, 50, usual=True, source=_OURS),
    Provider(UNKNOWN, (), 5, 50, usual=True, source=_OURS),
)


def classify(hosts: Iterable[str], providers: Sequence[Provider]) -> str:
    """The provider whose suffixes every MX host ends in; ``other`` if there is none, ``unknown`` without hosts.

    All must match: a domain that mixes providers would else be counted at the wrong one. Case and a final dot do not
    matter, labels do: ``notgoogle.com`` is not Google's. The longest suffix wins where two providers have one.
    """
    found = {_provider_of(host, providers) for host in hosts}
    if not found:
        return UNKNOWN
    return found.pop() if len(found) == 1 else OTHER


def _provider_of(host: str, providers: Sequence[Provider]) -> str:
    name = "." + host.removesuffix(".").lower()
    fitting = [(len(suffix), it.name) for it in providers for suffix in it.suffixes if _ends(name, suffix)]
    return max(fitting)[1] if fitting else OTHER


def _ends(name: str, suffix: str) -> bool:
    return name.endswith("." + suffix.strip(".").lower())
