"""Which servers are authoritative for a zone, and asking one of them directly.

Promise: no cache is ever asked for a record; only the addresses of name servers outside the fleet's zones come from the resolver.
"""

from __future__ import annotations

from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from postwright.model import Fleet, Zone

_SECONDS = 3.0  # one question to one address


class NoAnswerError(Exception):
    """A server gave no answer that counts; the text says why. Inside this package only."""


@dataclass(frozen=True)
class NameServer:
    """An authoritative server: its name, and (address, port) in the order they are tried."""

    name: str
    endpoints: tuple[tuple[str, int], ...]


def authoritative(fleet: Fleet, zone: Zone) -> tuple[tuple[NameServer, ...], tuple[str, ...]]:
    """The servers of the zone's NS RRset that can be reached by name, and notes on those that cannot.

    Falls back to the provider's own server when there is no other, and says so in a note.
    """
    provider = fleet.providers[zone.provider]
    home = _home(fleet, zone)
    try:
        names = ask(home, zone.name, "NS")
    except NoAnswerError as error:
        return (home,), (f"zone {zone.name}: NS records cannot be read ({error}); only the provider's server is asked",)
    ports = {str(provider.server): provider.port}  # a port of its own holds for the provider's address alone
    servers = tuple(
        NameServer(name, tuple((address, ports.get(address, 53)) for address in _addresses(fleet, name)))
        for name in sorted(name.rstrip(".").lower() for name in names)
    )
    known = tuple(server for server in servers if server.endpoints)
    notes = tuple(
        f"zone {zone.name}: name server {server.name} cannot be resolved and was not asked"
        for server in servers
        if not server.endpoints
    )
    if known:
        return known, notes
    return (home,), (*notes, f"zone {zone.name}: only the provider's server {home.name} is asked")


def ask(server: NameServer, name: str, rdtype: str) -> tuple[str, ...]:
    """The values at a name, with authority; none if there are none. NoAnswerError if no address of the server answers."""
    problems = []
    for address, port in server.endpoints:
        query = dns.message.make_query(f"{name}.", rdtype, flags=0, payload=1232)
        try:
            response, _ = dns.query.udp_with_fallback(query, address, timeout=_SECONDS, port=port)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            problems.append(f"{address}: {error or type(error).__name__}")
            continue
        if response.flags & dns.flags.AA and response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return _values(response, name, rdtype)
        problems.append(f"{address}: no authority ({dns.rcode.to_text(response.rcode())})")
    raise NoAnswerError("; ".join(problems))


def _values(response: dns.message.Message, name: str, rdtype: str) -> tuple[str, ...]:
    owner, wanted = dns.name.from_text(name), dns.rdatatype.from_text(rdtype)
    return tuple(
        rdata.to_text() for rrset in response.answer if (rrset.name, rrset.rdtype) == (owner, wanted) for rdata in rrset
    )


def _home(fleet: Fleet, zone: Zone) -> NameServer:
    provider = fleet.providers[zone.provider]
    return NameServer(str(provider.server), ((str(provider.server), provider.port),))


def _addresses(fleet: Fleet, name: str) -> tuple[str, ...]:
    """IPv4 first: more operators' machines have it. A name in a zone of the fleet is asked of that zone itself."""
    return tuple(address for rdtype in ("A", "AAAA") for address in _lookup(fleet, name, rdtype))


def _lookup(fleet: Fleet, name: str, rdtype: str) -> tuple[str, ...]:
    zone = fleet.zone_of(name)
    try:
        own = ask(_home(fleet, zone), name, rdtype) if zone else ()
    except NoAnswerError:
        own = ()
    try:
        return own or tuple(rdata.to_text() for rdata in dns.resolver.resolve(f"{name}.", rdtype, lifetime=_SECONDS))
    except (dns.exception.DNSException, OSError):
        return ()
