"""Client certificates on the submission ports: each stands for one login, and may do no more than that login.

Postfix knows a certificate by its fingerprint, whoever signed it. The table leads from there to a restriction class of the
login: its networks, its senders, and nothing else. Who presents a certificate and logs in as well must be allowed both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from postwright.model import IPNetwork, Login
from postwright.services.parts import Context

TABLE = "/etc/postfix/certificates"
CLASS = "certificate_"  # how the name of a login's restriction class, and of its table, begins


@dataclass(frozen=True)
class Certified:
    """A login that needs no password. ``senders`` are keys of an access(5) table."""

    login: str
    fingerprints: tuple[str, ...]
    networks: tuple[IPNetwork, ...]
    senders: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its restriction class; the same whoever else comes and goes."""
        return f"{CLASS}{sha256(self.login.encode()).hexdigest()[:12]}"

    @property
    def path(self) -> str:
        return f"/etc/postfix/{self.name}"


def certified(context: Context, senders: list[tuple[str, str]]) -> tuple[Certified, ...]:
    """The logins with certificates; ``senders`` is the table of who may send as whom."""
    found = (login for login in context.fleet.logins if login.certificates and login.state == "active")
    return tuple(_certified(login, senders) for login in found)


def _certified(login: Login, senders: list[tuple[str, str]]) -> Certified:
    own = (sender.removeprefix("@") for sender, logins in senders if login.login in logins.split(","))
    return Certified(login.login, login.certificates, login.networks, tuple(own))


def tables(found: tuple[Certified, ...]) -> Iterator[tuple[str, bytes]]:
    """Path → text: whose each certificate is, and for each login as whom it may send."""
    if not found:
        return
    rows = sorted((print_, it.name) for it in found for print_ in it.fingerprints)
    yield TABLE, _text("whose a certificate is", rows)
    for it in found:
        yield it.path, _text(f"as whom {it.login} may send with a certificate", [(key, "OK") for key in it.senders])


def _text(title: str, rows: list[tuple[str, str]]) -> bytes:
    return "".join([f"# Made by postwright: {title}\n", *(f"{key} {value}\n" for key, value in rows)]).encode()
