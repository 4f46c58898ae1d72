"""Speaking to the ports of a host from here, SMTP above all. A port that does not answer is waited for once."""

from __future__ import annotations

import errno
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from postwright.checks.answers import reason
from postwright.checks.unknown import UnknownError
from postwright.inventory import Project
from postwright.mailboxes import IMAPS, POP3S
from postwright.model import Host

TIMEOUT = 10  # seconds
_AGAIN = 2  # seconds, once another port of the address let us wait in vain
_SLOW = {errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH}
_UNITS = {443: "nginx", IMAPS: "dovecot", POP3S: "dovecot"}  # who listens; on all others Postfix
_silent: dict[tuple[str, int], str] = {}  # ports that let us wait, and what was said of them


def trusting(project: Project) -> ssl.SSLContext:
    """A client that trusts the system's authorities and the fleet's own."""
    made = ssl.create_default_context()
    if project.fleet.tls_authorities:
        made.load_verify_locations(project.path(project.fleet.tls_authorities))
    return made


def patience(address: str) -> int:
    """The seconds a connection may take."""
    return _AGAIN if any(known == address for known, _ in _silent) else TIMEOUT


@contextmanager
def connecting(host: Host, port: int) -> Iterator[str]:
    """The address to connect to; a connection that fails inside is an UnknownError, a refused certificate is not."""
    address = str(host.addresses[0].ip)
    if known := _silent.get((address, port)):
        raise UnknownError(known)
    try:
        yield address
    except ssl.SSLError:
        raise
    except OSError as error:
        cause = error.strerror or (reason(error) if isinstance(error, smtplib.SMTPException) else str(error))
        hint = f"check that it is up, and that no firewall between here and there closes port {port}"
        if isinstance(error, ConnectionRefusedError):
            hint = f"nothing listens there; see `systemctl status {_UNITS.get(port, 'postfix')}` on the host"
        msg = f"host {host.name}: no answer from {address} port {port} ({cause}); {hint}"
        if isinstance(error, TimeoutError) or error.errno in _SLOW:
            _silent[address, port] = msg
        raise UnknownError(msg) from None


def connected(host: Host, kind: Callable[..., smtplib.SMTP], port: int, **options: object) -> smtplib.SMTP:
    """A client the host has greeted."""
    with connecting(host, port) as address:
        client = kind(timeout=patience(address), **options)
        client._host = host.fqdn  # type: ignore[attr-defined]  # noqa: SLF001 - the name TLS verifies
        code, said = client.connect(address, port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
    return client


def submission(host: Host, trust: ssl.SSLContext) -> smtplib.SMTP:
    """A client on 587 that has switched to TLS."""
    client = connected(host, smtplib.SMTP, 587)
    client.starttls(context=trust)
    client.ehlo()
    return client
