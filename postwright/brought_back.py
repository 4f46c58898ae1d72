"""What a state of a host brings back that was taken away or replaced since; told before it is put back. Pure.

Promise: no TLS key that DNS does not name, no expired certificate, and no way in that was closed, comes back unsaid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from postwright.hosts.plan import FileChange
from postwright.services import acme, certified, mailboxes, policies, ssh, submission, tls, wireguard

_MAIN = "/etc/postfix/main.cf"
_AFTER = "run `postwright apply` right after, which puts today's there"
KEYS = (tls.KEY, acme.OWN_KEY)
_FORM = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
_LET_IN = "who was taken out of it since, or has another password, certificate or networks now, would get in as before"
_LOGINS = (
    "sshd would let in as it did then: with passwords, without a second factor, from more networks; see the difference"
)
# Path → what comes of it that the file is as it was then.
_CLOSED_SINCE = {
    **dict.fromkeys((submission.PASSWORDS, submission.PREVIOUS, mailboxes.PASSWORDS, certified.TABLE), _LET_IN),
    submission.SENDERS: "who has lost an address or a domain since could send as it again",
    "/etc/postwright/firewall.nft": "a port or a network that was closed since would be open again; see the difference",
    ssh.CANDIDATE: _LOGINS,
    wireguard.CONFIGURATION: "operators who were taken out of the management network since would get in again",
    acme.SECRET: "with a TSIG secret that was replaced since, the certificate would not be renewed",
}


@dataclass(frozen=True)
class Kept:
    """What may be known of a state's TLS: path → PEM of its certificates, and of the public halves of its keys."""

    certificates: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)


def dangers(
    place: str, changes: tuple[FileChange, ...], kept: Kept, digest: Callable[[], str | None], now: datetime
) -> Iterator[str]:
    """A line for each of them. ``place``: host and state; ``changes``: what going back changes there.

    ``digest`` tells the SHA-256 of the public key that the host's TLSA record names; None if it has no such record.
    """
    coming = [it.path for it in changes if _comes(it.what)]
    yield from _keys(place, coming, kept, digest)
    for path in (it for it in coming if it in kept.certificates):
        yield from _expired(f"{place} {path}", kept.certificates[path], now)
    for path in (it for it in coming if it in _CLOSED_SINCE):
        yield f"{place} {path}: {_CLOSED_SINCE[path]}; {_AFTER}"
    yield from _ways_in(place, changes)
    yield from _policies(place, changes)


def _comes(what: str) -> bool:
    """Whether a change brings content; others take a file away, or give it another mode or owner."""
    return what in {"new", "changed"} or what.startswith("replaces")


def _ways_in(place: str, changes: tuple[FileChange, ...]) -> Iterator[str]:
    """What lets in by a change of another kind: settings of sshd that go, and a line of one that says many other things."""
    for it in changes:
        if it.path == ssh.CANDIDATE and it.what == "removed":
            yield f"{place} sshd without our settings, which that state does not have: {_LOGINS}; {_AFTER}"
        if it.path == _MAIN and any(line.startswith("+mynetworks") for line in it.diff):
            yield f"{place} {_MAIN}: networks that were trusted then could relay again, see +mynetworks; {_AFTER}"


def _keys(place: str, coming: list[str], kept: Kept, digest: Callable[[], str | None]) -> Iterator[str]:
    for path in (it for it in coming if it in KEYS):
        named = digest()
        if named and _digest(kept.keys.get(path, "")) != named:
            yield (
                f"{place} another TLS key, {path}, which the TLSA record of the host does not name: who checks it (DANE, "
                "RFC 7672) would deliver nothing. Choose a later generation, or run `postwright apply` right after"
            )


def _digest(public: str) -> str:
    """As TLSA 3 1 1 has it; empty for what is no key."""
    try:
        key = serialization.load_pem_public_key(public.encode())
    except ValueError:
        return ""
    return sha256(key.public_bytes(*_FORM)).hexdigest()


def _expired(place: str, pem: str, now: datetime) -> Iterator[str]:
    try:
        end = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
    except ValueError:
        yield f"{place}: it is no certificate; choose a later generation"
        return
    if end <= now:
        yield f"{place}: it expired on {end:%Y-%m-%d}, and senders and clients would refuse it; choose a later generation"


def _policies(place: str, changes: tuple[FileChange, ...]) -> Iterator[str]:
    for path in (it.path for it in changes if it.path.startswith(f"{policies.FOLDER}/")):
        yield (
            f"{place} another MTA-STS policy, {path}, under the id in DNS that is of today's: senders that have today's would "
            "not look for it (RFC 8461 §3.1). Run `postwright apply` right after, which puts today's there"
        )
