"""Changes as UPDATE messages (RFC 2136 §2), each with its prerequisites. Promise: pure; signed, but nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dns.name
import dns.rdata
import dns.tsig
import dns.update

from postwright.dns.plan import Change

_MESSAGE_OCTETS = 60_000  # under the 65,535 of a TCP message, with room for what a server adds when it forwards


def messages(zone: str, changes: Sequence[Change], key: dns.tsig.Key) -> Iterator[dns.update.UpdateMessage]:
    """The changes in order, as many in one message as fit by wire size."""
    batch: list[Change] = []
    octets = 0
    for change in changes:
        size = len(_message(zone, [change], key).to_wire())  # an upper bound: together, names compress
        if batch and octets + size > _MESSAGE_OCTETS:
            yield _message(zone, batch, key)
            batch, octets = [], 0
        batch.append(change)
        octets += size
    if batch:
        yield _message(zone, batch, key)


def _message(zone: str, changes: Sequence[Change], key: dns.tsig.Key) -> dns.update.UpdateMessage:
    update = dns.update.UpdateMessage(f"{zone}.", keyring=key)
    for change in changes:
        _add(update, change)
    own = {(change.name, change.type) for change in changes}  # a CNAME of ours that goes in this very message
    for barrier in dict.fromkeys(barrier for change in changes for barrier in _barriers(zone, change)):
        if barrier not in own:
            update.absent(f"{barrier[0]}.", barrier[1])
    return update


def _barriers(zone: str, change: Change) -> Iterator[tuple[str, str]]:
    """What must not have come since the plan: a CNAME at the name, a zone cut at it or above it, or a DNAME above it.

    Beside a CNAME a server drops values and says NOERROR; below the others it keeps them where nobody will ever see them.
    """
    if change.type != "CNAME" and change.name != zone:
        yield change.name, "CNAME"
    name = change.name
    while name.endswith(f".{zone}"):
        yield name, "NS"
        name = name.partition(".")[2]
        yield name, "DNAME"


def _add(update: dns.update.UpdateMessage, change: Change) -> None:
    """Compare and set: prerequisites first, then deletions, then additions; the server takes them in that order."""
    name = dns.name.from_text(change.name)
    if change.old:
        # Rdatas, not an Rdataset: that keeps its TTL, which must be 0 here (RFC 2136 §2.4.2), and would be a FORMERR.
        update.present(name, *_rdatas(change, change.old))
    else:
        update.absent(name, change.type)
    if change.retimed:
        # Values that stay must go and come again: Knot keeps the TTL of a value that is merely added once more.
        update.delete(name, change.type)
    stay = () if change.retimed else set(change.old) & set(change.new)
    for rdata in _rdatas(change, () if change.retimed else [value for value in change.old if value not in stay]):
        update.delete(name, rdata)
    for rdata in _rdatas(change, [value for value in change.new if value not in stay]):
        update.add(name, change.ttl, rdata)


def _rdatas(change: Change, values: Sequence[str]) -> list[dns.rdata.Rdata]:
    return [dns.rdata.from_text("IN", change.type, value) for value in values]
