"""Which servers are authoritative for a zone, and asking one of them directly.

Promise: no cache is ever asked for a record; only the addresses of name servers outside the fleet's zones come from the resolver.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype

from postwright.model import Fleet, Rfc2136, Zone
from postwright.once import Once

_SECONDS = 3.0  # one question to one address

Lookup = Callable[[str, str], tuple[str, ...]]
"""Name and type of address → the addresses; none where that cannot be found out."""


class NoAnswerError(Exception):
    """A server gave no answer that counts; the text says why. Inside this package only."""


@dataclass(frozen=True)
class NameServer:
    """An authoritative server: its name, and (address, port) in the order they are tried."""

    name: str
    endpoints: tuple[tuple[str, int], ...]


def lookup(fleet: Fleet) -> Lookup:
    """For one run: the servers of a thousand zones are often the same two, and each is looked up once."""
    return Once(partial(_lookup, fleet))


def authoritative(
    fleet: Fleet, zone: Zone, addresses: Lookup | None = None
) -> tuple[tuple[NameServer, ...], tuple[str, ...]]:
    """The servers of the zone's NS RRset that can be reached by name, and notes on those that cannot.

    Where the inventory names servers, those. Falls back to the provider's own server, if it is one, when there is no
    other, and says so in a note. None at all when nothing can be found out: a note says so. ``addresses``: see ``lookup``.
    """
    if zone.servers:
        return _named(zone), ()
    home = _home(fleet, zone)
    fallback = (home,) if home else ()
    only = (
        f"only the provider's server {home.name} is asked"
        if home
        else "no server can be asked; name some in its servers"
    )
    try:
        names = _names(fleet, zone)
    except NoAnswerError as error:
        return fallback, (f"zone {zone.name}: NS records cannot be read ({error}); {only}",)
    ask_for = addresses or lookup(fleet)
    servers = tuple(NameServer(name, _endpoints(name, ("A", "AAAA"), home, ask_for)) for name in names)
    known = tuple(server for server in servers if server.endpoints)
    notes = tuple(
        f"zone {zone.name}: name server {server.name} cannot be resolved and was not asked"
        for server in servers
        if not server.endpoints
    )
    return (known, notes) if known else (fallback, (*notes, f"zone {zone.name}: {only}"))


def at_top(fleet: Fleet, zone: Zone, rdtype: str, addresses: Lookup | None = None) -> tuple[str, ...]:
    """The values at the zone's own name, of the first of its ``authoritative`` servers that answers.

    No more is looked up than that takes. NoAnswerError with what each of them said.
    """
    problems: list[str] = []
    for server in _in_turn(fleet, zone, addresses or lookup(fleet), problems):
        try:
            return ask(server, zone.name, rdtype)
        except NoAnswerError as error:
            problems.append(f"{server.name}: {error}")
    raise NoAnswerError("; ".join(problems) or "no server can be asked; name some in its servers")


def _in_turn(fleet: Fleet, zone: Zone, addresses: Lookup, problems: list[str]) -> Iterator[NameServer]:
    """What ``authoritative`` finds, one after the other and each of its kinds of addresses by itself."""
    if zone.servers:
        yield from _named(zone)
        return
    home, found = _home(fleet, zone), False
    try:
        names: Iterable[str] = _names(fleet, zone)
    except NoAnswerError as error:
        problems.append(f"NS records cannot be read ({error})")
        names = ()
    for name, family in ((name, family) for name in names for family in ("A", "AAAA")):
        if endpoints := _endpoints(name, (family,), home, addresses):
            found = True
            yield NameServer(name, endpoints)
    if home and not found:
        yield home


def _named(zone: Zone) -> tuple[NameServer, ...]:
    """The servers the inventory names."""
    return tuple(NameServer(text, (_endpoint(text),)) for text in zone.servers)


def _names(fleet: Fleet, zone: Zone) -> list[str]:
    """Those of the NS RRset; NoAnswerError."""
    home = _home(fleet, zone)
    names = ask(home, zone.name, "NS") if home else resolve(zone.name, "NS")
    return sorted(name.rstrip(".").lower() for name in names)


def _endpoints(
    name: str, families: Iterable[str], home: NameServer | None, addresses: Lookup
) -> tuple[tuple[str, int], ...]:
    """IPv4 first: more operators' machines have it. A port of its own holds for the provider's address alone."""
    ports = dict(home.endpoints) if home else {}
    return tuple((address, ports.get(address, 53)) for family in families for address in addresses(name, family))


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
    (soa,) = at_top(fleet, zone, "SOA") or ("0",)
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


def _lookup(fleet: Fleet, name: str, rdtype: str) -> tuple[str, ...]:
    """A name in a zone of the fleet is asked of that zone itself."""
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
    from dns import resolver  # noqa: PLC0415 - often not needed, and a tenth of what reading DNS has to load

    try:
        return tuple(rdata.to_text() for rdata in resolver.resolve(f"{name}.", rdtype, lifetime=_SECONDS))
    except (resolver.NXDOMAIN, resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError) as error:
        raise NoAnswerError(f"this machine's resolver: {error or type(error).__name__}") from None
