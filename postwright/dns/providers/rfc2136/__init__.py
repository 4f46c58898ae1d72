"""A server that takes dynamic updates: RFC 2136, signed with TSIG (RFC 8945).

Promise: reads are direct, signed queries with the AA bit required, so neither a cache nor another view can answer. Every
update carries the whole old RRset as prerequisite, so a value that came in between makes it fail instead of being lost.
NOERROR proves nothing (a server drops a TXT beside a CNAME silently): the caller must read back. The key's secret is in
no message and no repr.
"""

from __future__ import annotations

import binascii
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.tsig

from postwright import secret
from postwright.dns.plan import Change, RRset
from postwright.dns.providers import OutcomeUnknown, ZoneMoved
from postwright.dns.providers.rfc2136 import answers, explain, updates
from postwright.errors import ProviderError, UsageError
from postwright.model import Rfc2136

_MOVED = frozenset({dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN})


@dataclass(frozen=True)
class Rfc2136Provider:
    """One server and the key it trusts."""

    server: Rfc2136
    key: dns.tsig.Key = field(repr=False)  # dnspython's own repr shows the secret

    @classmethod
    def open(cls, name: str, server: Rfc2136, base_dir: Path) -> Rfc2136Provider:
        """Read the key; UsageError names the provider when the secret is missing or not base64."""
        purpose = f"provider {name}: TSIG secret of {server.key_name}"
        text = secret.read(server.secret, base_dir, purpose)
        try:
            return cls(server, dns.tsig.Key(f"{server.key_name}.", text, f"{server.algorithm}."))
        except binascii.Error:
            hint = "put what `tsig-keygen` or `keymgr -t` prints after `secret`"
            raise UsageError(f"{purpose}: {server.secret} is not base64; {hint}") from None

    def read(self, zone: str, wanted: Iterable[tuple[str, str]]) -> tuple[RRset, ...]:
        """One query per (name, type), per name and per parent of what was found, and one for the SOA; on one connection.

        No number of them depends on the size of the zone.
        """
        found: dict[tuple[str, str], RRset] = {}
        with self._connection(zone) as connection:
            self._insist_on_zone(zone, connection)
            for name, rdtype in wanted:
                found |= {(rrset.name, rrset.type): rrset for rrset in self._look(zone, name, rdtype, connection)}
            return self._without_wildcards(zone, tuple(found.values()), connection)

    def apply(self, zone: str, changes: Sequence[Change]) -> None:
        """As few messages as the size of a message allows; each is all or nothing by itself."""
        with self._connection(zone) as connection:
            for message in updates.messages(zone, changes, self.key):
                code = self._written(zone, message, connection)
                if code in _MOVED:
                    hint = "somebody else changed it since the plan; run the plan again"
                    raise ZoneMoved(f"{self._place(zone)}: is not what the plan was made from; {hint}")
                if code != dns.rcode.NOERROR:
                    raise self._error(zone, explain.update_refused(code, self.server.key_name))

    def _written(self, zone: str, message: dns.message.Message, connection: socket.socket) -> dns.rcode.Rcode:
        try:
            return self._exchange(zone, message, connection).rcode()
        except ProviderError as error:  # what was sent may have arrived, or may arrive yet: TSIG lets it for 300 s
            raise OutcomeUnknown(str(error)) from None

    def _insist_on_zone(self, zone: str, connection: socket.socket) -> None:
        """So that a zone with a typo is noticed whatever is wanted of it, also where its parent is served."""
        origin = answers.origin(self._ask(zone, zone, "SOA", connection), zone)
        if origin != zone:
            raise self._error(zone, explain.no_zone(origin))

    def _look(self, zone: str, name: str, rdtype: str, connection: socket.socket) -> Iterator[RRset]:
        """What stands at a name; where a child zone answers, its NS instead, whoever serves that one."""
        response = self._ask(zone, name, rdtype, connection)
        child = answers.referral(response, name, zone)
        if child is None:
            origin = answers.origin(response, name) or self._origin(zone, name, connection)
            child = self._servers(zone, origin, name, connection) if origin != zone else None
        yield from [child] if child else answers.values_at(response, name, rdtype)

    def _origin(self, zone: str, name: str, connection: socket.socket) -> str:
        """The zone a name lies in: the SOA walk of RFC 2136 §4.3 in one step, for a server names its own zone's SOA.

        A name with a CNAME is no zone's top, and an alias hides the SOA: its parent is asked.
        """
        if name == zone:
            return zone
        response = self._ask(zone, name, "SOA", connection)
        if answers.is_alias(response):
            return self._origin(zone, name.partition(".")[2], connection)
        return answers.origin(response, name) or zone

    def _servers(self, zone: str, child: str, name: str, connection: socket.socket) -> RRset:
        """The NS of a child zone that the same server holds, under the wanted name."""
        response = self._ask(zone, child, "NS", connection)
        found = next(answers.values_at(response, child, "NS"), RRset(child, "NS", 0, (f"of zone {child}",)))
        return replace(found, name=name)

    def _without_wildcards(self, zone: str, rrsets: tuple[RRset, ...], connection: socket.socket) -> tuple[RRset, ...]:
        """Leave out what a wildcard made up: no value stands at that name, and nothing of ours would be in its way.

        A query cannot tell, but where no wildcard stands above there is no question. Otherwise prerequisites can, for they
        look at names as they are (RFC 2136 §2.4): an update of nothing but prerequisites changes nothing. If the server
        will not say, all count as real.
        """
        parents = {parent for rrset in rrsets if rrset.type != "NS" for parent in _parents(rrset.name, zone)}
        stars = (self._ask(zone, f"*.{parent}", "TXT", connection).rcode() for parent in sorted(parents))
        if all(code == dns.rcode.NXDOMAIN for code in stars):
            return rrsets
        return tuple(
            rrset for rrset in rrsets if rrset.type == "NS" or rrset.locked or self._stands(zone, rrset, connection)
        )

    def _stands(self, zone: str, rrset: RRset, connection: socket.socket) -> bool:
        same = Change(rrset.name, rrset.type, rrset.ttl, rrset.values, rrset.ttl, rrset.values)
        (probe,) = updates.messages(zone, [same], self.key)
        return self._exchange(zone, probe, connection).rcode() not in _MOVED

    @contextmanager
    def _connection(self, zone: str) -> Iterator[socket.socket]:
        where = (str(self.server.server), self.server.port)
        try:
            connection = socket.create_connection(where, self.server.timeout)
        except OSError as error:
            raise self._error(zone, explain.unreachable(error)) from None
        with connection:
            connection.setblocking(False)  # dnspython waits by itself
            yield connection

    def _exchange(self, zone: str, message: dns.message.Message, connection: socket.socket) -> dns.message.Message:
        try:
            response = dns.query.tcp(message, "", timeout=self.server.timeout, sock=connection)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise self._error(zone, explain.failed(error, self.server.key_name)) from None
        if not response.had_tsig:  # newer dnspython raises FormError by itself, 2.7 lets it pass
            raise self._error(zone, explain.unsigned(self.server.key_name))
        return response

    def _ask(self, zone: str, name: str, rdtype: str, connection: socket.socket) -> dns.message.Message:
        query = dns.message.make_query(f"{name}.", rdtype, flags=0)  # RD off: only what it holds itself
        query.use_tsig(self.key)
        response = self._exchange(zone, query, connection)
        self._insist(zone, name, response)
        return response

    def _insist(self, zone: str, name: str, response: dns.message.Message) -> None:
        """An answer counts only with authority: a cache would look like "nothing there". A referral is an answer, too."""
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise self._error(zone, explain.query_refused(response.rcode(), self.server.key_name))
        if not (response.flags & dns.flags.AA or answers.referral(response, name, zone)):
            raise self._error(zone, explain.no_authority(name))

    def _place(self, zone: str) -> str:
        return f"zone {zone} at {self.server.server} port {self.server.port}"

    def _error(self, zone: str, text: str) -> ProviderError:
        return ProviderError(f"{self._place(zone)}: {text}")


def _parents(name: str, zone: str) -> Iterator[str]:
    """The names above a name, up to the zone's own."""
    while name != zone and name.endswith(f".{zone}"):
        name = name.partition(".")[2]
        yield name
