"""Whether DNSSEC vouches for the certificate of one of a domain's MX hosts (RFC 7672).

Promise: says yes only of what the host's own validating resolver has marked as authentic. A look-up that fails is an
error, never a no: it would let somebody who suppresses answers choose the weaker proof.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver
    from dns.message import Message

_SECONDS = 8.0  # for one look-up
_HOSTS = 20  # MX hosts looked at
_USAGES, _SELECTORS, _MATCHINGS = {2, 3}, {0, 1}, {0, 1, 2}  # what SMTP can use (RFC 7672 section 3.1)


class NoAnswerError(Exception):
    """DNS did not say."""


class Dane:
    """``resolver``: None for the system's."""

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._resolver = resolver

    async def covers(self, domain: str) -> bool:
        """Whether an MX host of the domain can be verified by DANE; NoAnswerError if DNS fails."""
        hosts = await self._exchangers(domain)
        return any(await asyncio.gather(*(self._pinned(host) for host in hosts[:_HOSTS])))

    async def _exchangers(self, domain: str) -> list[str]:
        """The MX hosts, if DNSSEC vouches for their names; a domain without MX is its own (RFC 5321 section 5.1)."""
        found, authentic, _ = await self._asked(domain, "MX")
        hosts = [str(it.exchange) for it in sorted(found, key=lambda it: it.preference)] if found else [f"{domain}."]
        return [host for host in hosts if host != "."] if authentic else []

    async def _pinned(self, host: str) -> bool:
        """Whether a host's addresses are authentic and it has a TLSA record of use."""
        _, authentic, canonical = await self._asked(host, "A")
        # A host that is an alias may have the record at either name (RFC 7672 section 2.2.2).
        names = dict.fromkeys([canonical, host]) if authentic else ()
        return any([await self._usable(f"_25._tcp.{name}") for name in names])

    async def _usable(self, name: str) -> bool:
        found, authentic, _ = await self._asked(name, "TLSA")
        return authentic and any(
            it.usage in _USAGES and it.selector in _SELECTORS and it.mtype in _MATCHINGS for it in found
        )

    async def _asked(self, name: str, rdtype: str) -> tuple[list[Any], bool, str]:
        """The records; whether they, or that there are none, are authentic; and the name aliases led to."""
        import dns.exception  # noqa: PLC0415 - what is checked before packages are installed must import without it
        import dns.flags  # noqa: PLC0415
        import dns.rcode  # noqa: PLC0415

        try:
            answer = await self._resolver_now().resolve(
                f"{name.removesuffix('.')}.", rdtype, raise_on_no_answer=False, search=False, lifetime=_SECONDS
            )
        except dns.exception.DNSException as error:
            response = _of_missing(error)
            if response is None:
                raise NoAnswerError(f"{name} {rdtype}: {error}") from None
            return [], bool(response.flags & dns.flags.AD), name
        canonical = str(answer.canonical_name) if answer.response.answer else name
        return list(answer.rrset or ()), bool(answer.response.flags & dns.flags.AD), canonical

    def _resolver_now(self) -> Resolver:
        import dns.flags  # noqa: PLC0415 - as above
        from dns.asyncresolver import Resolver  # noqa: PLC0415

        if self._resolver is None:
            self._resolver = Resolver()
            self._resolver.flags = (
                dns.flags.RD | dns.flags.AD
            )  # RFC 6840 section 5.7: asks for the mark, not for signatures
        return self._resolver


def _of_missing(error: Exception) -> Message | None:
    """The answer that says that the name is not there, if that is what the error is."""
    import dns.resolver  # noqa: PLC0415 - as above

    if not isinstance(error, dns.resolver.NXDOMAIN):
        return None
    return next(iter(error.responses().values()), None)  # type: ignore[no-untyped-call]
