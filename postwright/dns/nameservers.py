"""Which servers are authoritative for a zone, and asking one of them directly.

Promise: no cache is ever asked for a record; only the addresses of name servers outside the fleet's zones come from the resolver.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from postwright.model import Fleet, Rfc2136, Zone

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

    Where the inventory names servers, those. Falls back to the provider's own server, if it is one, when there is no
    other, and says so in a note. None at all when nothing can be found out: a note says so.
    """
    if zone.servers:
        return tuple(NameServer(text, (_endpoint(text),)) for text in zone.servers), ()
    home = _home(fleet, zone)
    fallback = (home,) if home else ()
    only = (
        f"only the provider's server {home.name} is asked"
        if home
        else "no server can be asked; name some in its servers"
    )
    try:
        names = ask(home, zone.name, "NS") if home else resolve(zone.name, "NS")
    except NoAnswerError as error:
        return fallback, (f"zone {zone.name}: NS records cannot be read ({error}); {only}",)
    ports = dict(home.endpoints) if home else {}  # a port of its own holds for the provider's address alone
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
    return (known, notes) if known else (fallback, (*notes, f"zone {zone.name}: {only}"))


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.partition("@")
    return address, int(port or 53)


def ask(server: NameServer, name: str, rdtype: str) -> tuple[str, ...]:
    """The values at a name, with authority; none if there are none. NoAnswerError if no address of the server answers."""
    return _values(_response(server, name, rdtype, referrals=False), name, rdtype)


def answer(server: NameServer, name: str, rdtype: str) -> dns.message.Message:
    """The whole response: with authority, or a referral to the servers of a child zone. NoAnswerError as ``ask`` has it."""
    return _response(server, name, rdtype, referrals=True)


def _response(server: NameServer, name: str, rdtype: str, *, referrals: bool) -> dns.message.Message:
    problems = []
    for address, port in server.endpoints:
        query = dns.message.make_query(f"{name}.", rdtype, flags=0, payload=1232)
        try:
            response, _ = dns.query.udp_with_fallback(query, address, timeout=_SECONDS, port=port)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            problems.append(f"{address}: {error or type(error).__name__}")
            continue
        leads_on = not response.answer and any(rrset.rdtype == dns.rdatatype.NS for rrset in response.authority)
        known = response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
        if known and (response.flags & dns.flags.AA or (referrals and leads_on)):
            return response
        problems.append(f"{address}: no authority ({dns.rcode.to_text(response.rcode())})")
    raise NoAnswerError("; ".join(problems))


def negative_ttl(fleet: Fleet, zone: Zone) -> int:
    """Seconds for which caches remember that a name is not there: the SOA's last field (RFC 2308 §4). NoAnswerError."""
    servers, _ = authoritative(fleet, zone)
    if not servers:
        raise NoAnswerError("no server of the zone is known")
    (soa,) = ask(servers[0], zone.name, "SOA") or ("0",)
    return int(soa.split()[-1])


def one_per_address(server: NameServer) -> tuple[NameServer, ...]:
    """The server once per address that a packet can leave to from here; as it is if that is none."""
    found = [endpoint for endpoint in server.endpoints if _routable(*endpoint)]
    if len(server.endpoints) == 1 or not found:
        return (server,)
    return tuple(NameServer(f"{server.name} ({endpoint[0]})", (endpoint,)) for endpoint in found)


def _routable(address: str, port: int) -> bool:
    """Whether this machine has a way to the address; connecting a UDP socket sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, port))
    except OSError:
        return False
    return True


def _values(response: dns.message.Message, name: str, rdtype: str) -> tuple[str, ...]:
    owner, wanted = dns.name.from_text(name), dns.rdatatype.from_text(rdtype)
    return tuple(
        rdata.to_text() for rrset in response.answer if (rrset.name, rrset.rdtype) == (owner, wanted) for rdata in rrset
    )


def _home(fleet: Fleet, zone: Zone) -> NameServer | None:
    """The provider itself, where it is a name server."""
    provider = fleet.providers[zone.provider]
    if not isinstance(provider, Rfc2136):
        return None
    return NameServer(str(provider.server), ((str(provider.server), provider.port),))


def _addresses(fleet: Fleet, name: str) -> tuple[str, ...]:
    """IPv4 first: more operators' machines have it. A name in a zone of the fleet is asked of that zone itself."""
    return tuple(address for rdtype in ("A", "AAAA") for address in _lookup(fleet, name, rdtype))


def _lookup(fleet: Fleet, name: str, rdtype: str) -> tuple[str, ...]:
    zone = fleet.zone_of(name)
    home = zone and _home(fleet, zone)
    try:
        own = ask(home, name, rdtype) if home else ()
    except NoAnswerError:
        own = ()
    try:
        return own or resolve(name, rdtype)
    except NoAnswerError:
        return ()


def resolve(name: str, rdtype: str) -> tuple[str, ...]:
    """What this machine's resolver says; none if it says there are none."""
    try:
        return tuple(rdata.to_text() for rdata in dns.resolver.resolve(f"{name}.", rdtype, lifetime=_SECONDS))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError) as error:
        raise NoAnswerError(f"this machine's resolver: {error or type(error).__name__}") from None
