"""A server that takes dynamic updates: RFC 2136, signed with TSIG (RFC 8945).

Promise: reads are direct, signed queries with the AA bit required, so neither a cache nor another view can answer. Every
update carries the whole old RRset as prerequisite, so a value that came since the plan makes it fail instead of being lost.
NOERROR proves nothing (a server drops a TXT beside a CNAME silently): the caller must read back. The key's secret is in
no message and no repr.
"""

from __future__ import annotations

import binascii
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import dns.flags
import dns.message
import dns.rcode
import dns.tsig
from dns.message import Message

from postwright import secret
from postwright.dns.plan import Change, RRset
from postwright.dns.providers import OutcomeUnknown, ZoneMoved, answers
from postwright.dns.providers.rfc2136 import explain, updates
from postwright.dns.providers.rfc2136.connection import Connection
from postwright.dns.providers.rfc2136.reach import Reach
from postwright.dns.providers.rfc2136.streams import Streams
from postwright.dns.providers.view import Key, NotServedError, View
from postwright.errors import ProviderError, UsageError
from postwright.model import Rfc2136

_MOVED = frozenset({dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN})


@dataclass(frozen=True)
class Rfc2136Provider:
    """One server and the key it trusts."""

    server: Rfc2136
    key: dns.tsig.Key = field(repr=False)  # dnspython's own repr shows the secret
    reach: Reach = field(repr=False)
    streams: Streams = field(repr=False)
    compares: ClassVar[bool] = True  # by prerequisites

    @classmethod
    def open(cls, name: str, server: Rfc2136, base_dir: Path) -> Rfc2136Provider:
        """Read the key; UsageError names the provider when the secret is missing or not base64."""
        purpose = f"provider {name}: TSIG secret of {server.key_name}"
        text = secret.read(server.secret, base_dir, purpose)
        try:
            key = dns.tsig.Key(f"{server.key_name}.", text, f"{server.algorithm}.")
        except binascii.Error:
            hint = "put what `tsig-keygen` or `keymgr -t` prints after `secret`"
            raise UsageError(f"{purpose}: {server.secret} is not base64; {hint}") from None
        address = str(server.server), server.port
        return cls(server, key, Reach(f"{address[0]} port {address[1]}"), Streams(address, server.timeout))

    def kept(self) -> AbstractContextManager[None]:
        """Inside, many zones are read over the same few connections."""
        return self.streams.kept()

    def read(self, zone: str, wanted: Iterable[Key]) -> tuple[RRset, ...]:
        """One query per (name, type) and one more per name, all sent at once; a few more where a wildcard or a child zone is.

        No number of them depends on the size of the zone. A server that was silent several times running is not asked again.
        """
        self.reach.insist(zone)
        try:
            found = self._read(zone, wanted)
        except ProviderError as error:
            self.reach.failed(error)
            raise
        self.reach.heard()
        return found

    def _read(self, zone: str, wanted: Iterable[Key]) -> tuple[RRset, ...]:
        """Over a connection that was kept, if there is one; where the server has closed it meanwhile, over a new one."""
        keys = tuple(wanted)
        if stream := self.streams.idle():
            try:
                return self._read_over(stream, zone, keys)
            except ProviderError as error:
                if not isinstance(error.__cause__, ConnectionError | EOFError):
                    raise
        return self._read_over(self._stream(zone), zone, keys)

    def _read_over(self, stream: socket.socket, zone: str, wanted: Sequence[Key]) -> tuple[RRset, ...]:
        with self._connection(zone, stream) as connection:
            try:
                sure, doubtful = View(zone, partial(self._ask, zone, connection)).read(wanted)
            except NotServedError as error:
                raise self._error(zone, explain.no_zone(error.origin)) from None
            return *sure, *self._standing(zone, doubtful, connection)

    def apply(self, zone: str, changes: Sequence[Change]) -> None:
        """As few messages as the size of a message allows; each is all or nothing by itself, so more than one are tried first."""
        messages = tuple(updates.messages(zone, changes, self.key))
        with self._connection(zone, self._stream(zone)) as connection:
            if len(messages) > 1 and _MOVED & set(self._compared(zone, changes, connection)):
                raise _moved(zone, untouched=True)
            for message in messages:
                code = self._written(message, connection)
                if code in _MOVED:
                    raise _moved(zone, untouched=message is messages[0])
                if code != dns.rcode.NOERROR:
                    raise self._error(zone, explain.update_refused(code, self.server.key_name))

    def _written(self, message: Message, connection: Connection) -> dns.rcode.Rcode:
        try:
            (response,) = connection.exchange([message])
        except ProviderError as error:  # what was sent may have arrived, or may arrive yet: TSIG lets it for 300 s
            raise OutcomeUnknown(str(error)) from None
        return response.rcode()

    def _compared(self, zone: str, changes: Iterable[Change], connection: Connection) -> list[dns.rcode.Rcode]:
        """What the server says of the old sides: an update of nothing but prerequisites changes nothing (RFC 2136 §2.4)."""
        same = [replace(change, ttl=change.old_ttl or 0, new=change.old) for change in changes]
        return [response.rcode() for response in connection.exchange([*updates.messages(zone, same, self.key)])]

    def _standing(self, zone: str, rrsets: Iterable[RRset], connection: Connection) -> Iterator[RRset]:
        """Leave out what a wildcard made up: no value stands at that name, and nothing of ours would be in its way.

        A query cannot tell, but prerequisites can, for they look at names as they are. If the server will not say, all count
        as real.
        """
        same = {it: Change(it.name, it.type, it.ttl, it.values, it.ttl, it.values) for it in rrsets}
        probes = [message for change in same.values() for message in updates.messages(zone, [change], self.key)]
        for rrset, response in zip(same, connection.exchange(probes), strict=True):
            if response.rcode() not in _MOVED:
                yield rrset

    def _stream(self, zone: str) -> socket.socket:
        try:
            return self.streams.fresh()
        except OSError as error:
            raise self._error(zone, explain.unreachable(error)) from error

    @contextmanager
    def _connection(self, zone: str, stream: socket.socket) -> Iterator[Connection]:
        with self.streams.using(stream):
            yield Connection(stream, self.key, self.server.timeout, partial(self._error, zone))

    def _ask(self, zone: str, connection: Connection, keys: Sequence[Key]) -> dict[Key, Message]:
        """RD off: only what it holds itself."""
        responses = connection.exchange([dns.message.make_query(f"{name}.", rdtype, flags=0) for name, rdtype in keys])
        for (name, _), response in zip(keys, responses, strict=True):
            self._insist(zone, name, response)
        return dict(zip(keys, responses, strict=True))

    def _insist(self, zone: str, name: str, response: Message) -> None:
        """An answer counts only with authority: a cache would look like "nothing there". A referral is an answer, too."""
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise self._error(zone, explain.query_refused(response.rcode(), self.server.key_name))
        if not (response.flags & dns.flags.AA or answers.referral(response, name, zone)):
            raise self._error(zone, explain.no_authority(name))

    def _place(self, zone: str) -> str:
        return f"zone {zone} at {self.server.server} port {self.server.port}"

    def _error(self, zone: str, text: str) -> ProviderError:
        return ProviderError(f"{self._place(zone)}: {text}")


def _moved(zone: str, *, untouched: bool) -> ZoneMoved:
    return ZoneMoved(f"zone {zone}: changed since the plan was made; run the plan again", untouched=untouched)
