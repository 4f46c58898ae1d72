"""Which addresses may send as which name: the fleet's SPF records, one per name (RFC 7208 §4.5). Pure.

The records are shared, even at names that nobody else should write to: so they are merged by token, and a new address is
there before a host sends from it, an old one until none does any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postwright.dns import spf
from postwright.dns.kinds.names import addresses
from postwright.dns.record import Record, made
from postwright.model import Domain, Fleet, IPAddress

_Claim = tuple[str, list[str], str]  # a name, mechanisms for it, how its record ends


def records(fleet: Fleet) -> Iterator[Record]:
    """Domains or their return paths, the names they include, and HELO names: bounces have no other name to be judged by.

    A name that is several of these gets one record with all it needs; the first to speak of it says how it ends.
    """
    found: dict[str, tuple[list[str], str]] = {}
    for name, tokens, end in (*_domains(fleet), *_included(fleet), *_helo_names(fleet)):
        found.setdefault(name, ([], end))[0].extend(tokens)
    for name, (tokens, end) in found.items():
        yield made(fleet, name, "TXT", spf.render([*dict.fromkeys(tokens), end]), shared=True)


def envelope_name(domain: Domain) -> str | None:
    """The name of ours that SPF of the domain's mail is asked at; None where that is its owner's business."""
    if domain.delegated is None:
        return domain.name
    label = domain.delegated.return_path
    return f"{label}.{domain.delegated.to}" if label else None


def _domains(fleet: Fleet) -> Iterator[_Claim]:
    for domain in fleet.domains:
        if name := envelope_name(domain):
            include = domain.spf_include
            yield name, [f"include:{include}"] if include else _senders(fleet, domain), domain.spf_all


def _included(fleet: Fleet) -> Iterator[_Claim]:
    """Whoever is not named at an included name is not matched there; the including record says what becomes of him."""
    for domain in fleet.domains:
        if domain.spf_include:
            yield domain.spf_include, _senders(fleet, domain), "-all"


def _helo_names(fleet: Fleet) -> Iterator[_Claim]:
    for address in addresses(fleet):
        yield address.helo, _tokens([address.ip]), "-all"


def _senders(fleet: Fleet, domain: Domain) -> list[str]:
    return _tokens(address.ip for host in fleet.hosts_of(domain) for address in host.addresses)


def _tokens(found: Iterable[IPAddress]) -> list[str]:
    """Addresses cost none of the ten lookups of RFC 7208 §4.6.4, and cannot fail to resolve."""
    return [f"ip{address.version}:{address}" for address in found]
