"""Says which provider receives a domain's mail, from the domain's MX hosts (RFC 5321 section 5.1).

Promise: an answer within about 3 seconds, whatever DNS does, and never an exception: a domain whose DNS fails is
"unknown" for a minute, or what it was if it was known within the last day (as RFC 8767 has it). A domain that can get no mail,
or is none, is "other". Answers are kept for their TTL, and many questions about one domain at once are one query.
Must not be asked about our own domains: Postfix does not look those up.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .providers import OTHER, UNKNOWN, Provider, classify

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

_log = logging.getLogger(__name__)
_SECONDS = 3.0  # for all look-ups of one domain
_LEAST, _MOST, _FAILED = 60.0, 86_400.0, 60.0  # seconds an answer is kept
_STALE = 86_400.0  # seconds after its end an answer still stands in for one that cannot be had
_AT_ONCE = 64
_LONGEST = 253  # characters of a name (RFC 1035 section 2.3.4, less what is not written)
_HOSTS = 6  # MX hosts whose addresses are looked at
_FAMILIES = (("A", 4), ("AAAA", 6))
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # what UTS 46 takes for a dot


class Recipient(NamedTuple):
    """``versions``: the IP versions (4, 6) its MX hosts have addresses of; empty if nobody asked, or if it is not known."""

    provider: str
    versions: frozenset[int] = frozenset()


class _Kept(NamedTuple):
    """``until``: no new question before; ``known``: when what DNS said ended. Both by the monotonic clock."""

    recipient: Recipient
    until: float
    known: float


class Exchangers:
    """``resolver``: None for the system's. ``limit``: domains kept. ``versions``: whether IP versions are wanted at all."""

    def __init__(
        self,
        providers: Sequence[Provider],
        resolver: Resolver | None = None,
        limit: int = 100_000,
        *,
        versions: bool = False,
    ) -> None:
        self._providers = tuple(providers)
        self._resolver = resolver
        self._limit = limit
        self._versions = versions
        self._cache: OrderedDict[str, _Kept] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Recipient]] = {}
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def class_of(self, domain: str) -> Recipient:
        """Who receives mail for the part after the ``@``: UTF-8 or A-labels, in any case, with or without a final dot."""
        name = ascii_domain(domain)
        if name is None:
            return Recipient(OTHER)
        kept = self._cache.get(name)
        if kept and kept.until > time.monotonic():
            self._cache.move_to_end(name)
            return kept.recipient
        return await asyncio.shield(self._asked.get(name) or self._ask(name))

    def _ask(self, name: str) -> asyncio.Task[Recipient]:
        """One query for all who wait; it goes on if one of them is cancelled."""
        task = self._asked[name] = asyncio.create_task(self._looked_up(name))
        task.add_done_callback(lambda _: self._asked.pop(name))
        return task

    async def _looked_up(self, name: str) -> Recipient:
        try:
            async with asyncio.timeout(_SECONDS), self._free:
                found, seconds = await self._answer(name)
        except Exception as error:  # noqa: BLE001 - what DNS can do wrong has no end; the mail must go its way
            _log.debug("%s: no answer about its MX hosts: %r", name, error)
            return self._keep(name, self._instead(name))
        until = time.monotonic() + seconds
        return self._keep(name, _Kept(found, until, until))

    async def _answer(self, name: str) -> tuple[Recipient, float]:
        """The class and the seconds it may be kept; raises whatever DNS raises."""
        hosts, ttl = await self._query(name, "MX")
        seconds = min(max(ttl, _LEAST), _MOST)
        if hosts == ["."]:  # RFC 7505: it wants no mail
            return Recipient(OTHER), seconds
        if not hosts:
            versions = await self._versions_of([name])
            return (Recipient(classify([name], self._providers), versions) if versions else Recipient(OTHER)), seconds
        provider = classify(hosts, self._providers)
        if not self._versions:
            return Recipient(provider), seconds
        try:
            return Recipient(provider, await self._versions_of(hosts[:_HOSTS])), seconds
        except Exception:  # noqa: BLE001 - the class is known all the same
            return Recipient(provider), _FAILED

    async def _versions_of(self, hosts: Sequence[str]) -> frozenset[int]:
        """The IP versions any of the hosts has an address of."""
        asked = [(host, rdtype, version) for host in hosts for rdtype, version in _FAMILIES]
        answers = await asyncio.gather(*(self._query(host, rdtype) for host, rdtype, _ in asked))
        return frozenset(it[2] for it, (values, _) in zip(asked, answers, strict=True) if values)

    async def _query(self, name: str, rdtype: str) -> tuple[list[str], float]:
        """The values (of MX: the hosts, best first) and their TTL in seconds; none if the name or the type is not there."""
        import dns.resolver  # noqa: PLC0415 - the host may lack it until its packages are installed

        try:
            answer = await self._resolver_now().resolve(
                f"{name.removesuffix('.')}.", rdtype, raise_on_no_answer=False, search=False, lifetime=_SECONDS
            )
        except dns.resolver.NXDOMAIN as none:
            return [], min(it.resolve_chaining().minimum_ttl for it in none.responses().values())  # type: ignore[no-untyped-call]
        rdatas: list[Any] = sorted(answer.rrset or (), key=lambda it: getattr(it, "preference", 0))
        return [str(getattr(it, "exchange", it)) for it in rdatas], answer.chaining_result.minimum_ttl

    def _resolver_now(self) -> Resolver:
        from dns.asyncresolver import Resolver  # noqa: PLC0415 - as above

        self._resolver = self._resolver or Resolver()
        return self._resolver

    def _instead(self, name: str) -> _Kept:
        """What stands in for an answer that could not be had."""
        now = time.monotonic()
        kept = self._cache.get(name)
        if kept and now < kept.known + _STALE:
            return kept._replace(until=now + _FAILED)
        return _Kept(Recipient(UNKNOWN), now + _FAILED, -_STALE)

    def _keep(self, name: str, kept: _Kept) -> Recipient:
        self._cache[name] = kept
        self._cache.move_to_end(name)
        if len(self._cache) > self._limit:
            self._cache.popitem(last=False)
        return kept.recipient


def ascii_domain(domain: str) -> str | None:
    """The domain as DNS has it: lower case, A-labels (UTS 46, non-transitional, as Postfix does), no final dot.

    None for what no DNS name can be: an address literal, empty or overlong labels, octets that are no UTF-8.
    """
    if len(domain) > _LONGEST:
        return None
    text = unicodedata.normalize("NFKC", domain)
    labels = [_ascii_label(label) for label in _DOTS.split(text.removesuffix("."))]
    name = ".".join(label or "" for label in labels)
    return name if all(labels) and len(name) <= _LONGEST else None


def _ascii_label(label: str) -> str | None:
    text = label.lower()
    if not label.isascii():
        if any(map(_unfit, label)):
            return None
        # One character at a time: a final sigma is one only where it was written as one.
        mapped = unicodedata.normalize("NFKC", "".join(character.lower() for character in label))
        text = "xn--" + mapped.encode("punycode").decode("ascii")
    return text if _LABEL.fullmatch(text) else None


def _unfit(character: str) -> bool:
    """Control characters, blanks, lone surrogates and what stands for octets that were no UTF-8; joiners are fit (RFC 5892)."""
    return character == "\ufffd" or (unicodedata.category(character)[0] in "CZ" and character not in "\u200c\u200d")
