"""The classic ways to make a mail host send for a stranger, each as an envelope; and whether a host falls for any.

The foreign names are reserved (RFC 6761), and no message is ever sent: only whether the recipient would be taken is asked.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from postwright.model import Fleet, Host

FOREIGN = "example.net"
_REFUSALS = 8  # of one connection; from the tenth on Postfix makes a client wait (smtpd_soft_error_limit)


@dataclass(frozen=True)
class Envelope:
    """A sender and a recipient that no host of ours may take from a stranger; both without angle brackets."""

    what: str
    sender: str
    recipient: str


def envelopes(fleet: Fleet, host: Host) -> Iterator[Envelope]:
    """Every way to ask this host for a relay."""
    domain = next((it.name for it in fleet.domains_of(host)), host.fqdn)
    address = str(host.addresses[0].ip)
    literal = f"[{address}]" if host.addresses[0].ip.version == 4 else f"[IPv6:{address}]"
    stranger, victim = f"someone@{FOREIGN}", f"victim@{FOREIGN}"
    yield Envelope("a plain stranger", stranger, victim)
    yield Envelope("no sender", "", victim)
    yield Envelope("our domain as sender", f"postmaster@{domain}", victim)
    yield Envelope("our host as sender", f"root@{host.fqdn}", victim)
    yield Envelope("a sender without domain", "root", victim)
    yield Envelope("our address as sender", f"root@{literal}", victim)
    for name in (domain, host.fqdn, "localhost", literal):
        yield Envelope(f"percent hack at {name}", stranger, f"victim%{FOREIGN}@{name}")
        yield Envelope(f"quoted local part at {name}", stranger, f'"victim@{FOREIGN}"@{name}')
        yield Envelope(f"quoted percent hack at {name}", stranger, f'"victim%{FOREIGN}"@{name}')
        yield Envelope(f"bang path at {name}", stranger, f"{FOREIGN}!victim@{name}")
        yield Envelope(f"source route by {name}", stranger, f"@{name}:victim@{FOREIGN}")
        yield Envelope(f"bang path by {name}", stranger, f"{name}!victim@{FOREIGN}")
        yield Envelope(f"two domains, {name} last", stranger, f"victim@{FOREIGN}@{name}")
    yield Envelope("percent hack without domain", stranger, f"victim%{FOREIGN}")
    yield Envelope("bang path without domain", stranger, f"{FOREIGN}!victim")
    yield Envelope("quoted, without domain", stranger, f'"victim@{FOREIGN}"')
    yield Envelope("a foreign literal", stranger, "victim@[192.0.2.1]")
    for path in fleet.domains_of(host):
        if path.return_path:
            yield Envelope("percent hack at a return path", stranger, f"victim%{FOREIGN}@{path.return_path}")
            yield Envelope("bang path at a return path", stranger, f"{FOREIGN}!victim@{path.return_path}")
            return


@dataclass(frozen=True)
class Taken:
    """The envelopes a host took, and the address it was asked from."""

    envelopes: tuple[Envelope, ...]
    source: IPv4Address | IPv6Address


def taken(asked: Iterable[Envelope], connect: Callable[[], smtplib.SMTP]) -> Taken:
    """Offer all envelopes, a few on each connection."""
    left, found = list(asked), list[Envelope]()
    while True:
        with connect() as client:
            source = ip_address(client.sock.getsockname()[0])  # type: ignore[union-attr]
            client.ehlo_or_helo_if_needed()
            found += [it for it in left[:_REFUSALS] if _takes(client, it)]
        left = left[_REFUSALS:]
        if not left:
            return Taken(tuple(found), source)


def _takes(client: smtplib.SMTP, envelope: Envelope) -> bool:
    """Whether the host would send it on. A refusal of the sender is one of the message."""
    client.docmd("RSET")
    code, _ = client.docmd("MAIL", f"FROM:<{envelope.sender}>")
    if code == 250:
        code, _ = client.docmd("RCPT", f"TO:<{envelope.recipient}>")
    return code < 400
