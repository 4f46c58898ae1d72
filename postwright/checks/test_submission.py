"""What clients and strangers see when they speak SMTP to a host from outside."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from postwright import secret
from postwright.checks.unknown import UnknownError
from postwright.inventory import Project
from postwright.model import Host

TIMEOUT = 10  # seconds


@pytest.fixture
def trust(project: Project) -> ssl.SSLContext:
    """A client that trusts the system's authorities and the fleet's own."""
    trusting = ssl.create_default_context()
    if project.fleet.tls_authorities:
        trusting.load_verify_locations(project.path(project.fleet.tls_authorities))
    return trusting


def _reached(host: Host, kind: Callable[..., smtplib.SMTP], port: int, **options: object) -> smtplib.SMTP:
    try:
        client = kind(timeout=TIMEOUT, **options)
        client._host = host.fqdn  # type: ignore[attr-defined]  # noqa: SLF001 - the name TLS verifies
        client.connect(str(host.addresses[0].ip), port)
    except ssl.SSLError:
        raise
    except OSError as error:
        msg = f"no connection to {host.addresses[0].ip}:{port} from here ({error})"
        raise UnknownError(msg) from None
    return client


def _submission(host: Host, trust: ssl.SSLContext) -> smtplib.SMTP:
    client = _reached(host, smtplib.SMTP, 587)
    client.starttls(context=trust)
    client.ehlo()
    return client


def test_certificate_is_trusted_on_465(submission_host: Host, trust: ssl.SSLContext) -> None:
    """465 speaks TLS at once, with a certificate for the host's name that clients trust."""
    with _reached(submission_host, smtplib.SMTP_SSL, 465, context=trust) as client:
        assert client.ehlo()[0] == 250


def test_certificate_is_trusted_on_587(submission_host: Host, trust: ssl.SSLContext) -> None:
    """587 offers STARTTLS with a certificate for the host's name that clients trust."""
    with _submission(submission_host, trust) as client:
        assert client.ehlo()[0] == 250


def test_certificate_lasts(submission_host: Host, trust: ssl.SSLContext) -> None:
    """The certificate is valid for 14 more days."""
    with _submission(submission_host, trust) as client:
        certificate = client.sock.getpeercert()  # type: ignore[union-attr]
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)

    assert end > datetime.now(UTC) + timedelta(days=14)


def test_old_tls_is_refused(submission_host: Host) -> None:
    """TLS 1.1 and older are refused."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    client = _reached(submission_host, smtplib.SMTP, 587)

    with pytest.raises((ssl.SSLError, smtplib.SMTPServerDisconnected, ConnectionError)):
        client.starttls(context=old)
    client.close()


def test_no_login_in_clear(submission_host: Host) -> None:
    """587 offers no AUTH before TLS."""
    with _reached(submission_host, smtplib.SMTP, 587) as client:
        client.ehlo()
        assert not client.has_extn("auth")


def test_no_login_on_25(submission_host: Host) -> None:
    """25 offers no AUTH at all."""
    with _reached(submission_host, smtplib.SMTP, 25) as client:
        client.ehlo()
        assert not client.has_extn("auth")


def test_nothing_without_login(submission_host: Host, trust: ssl.SSLContext) -> None:
    """587 takes no mail from those who did not log in."""
    with _submission(submission_host, trust) as client:
        client.mail("postmaster@example.com")
        assert client.rcpt("postmaster@example.com")[0] >= 500


def test_no_open_relay(mail_host: Host) -> None:
    """25 relays nothing for strangers."""
    with _reached(mail_host, smtplib.SMTP, 25) as client:
        client.ehlo()
        client.mail("postmaster@example.com")
        assert client.rcpt("someone@example.net")[0] >= 500


def test_login_cannot_use_foreign_sender(submission_host: Host, trust: ssl.SSLContext, project: Project) -> None:
    """A login cannot send as somebody it was not given."""
    probe = project.fleet.probe
    if probe is None:
        msg = "no mail_fleet.probe in the inventory, so no login to try with"
        raise UnknownError(msg)
    password = secret.read(probe.password, project.base, "mail_fleet.probe.password")
    with _submission(submission_host, trust) as client:
        client.login(probe.login, password)
        client.mail("ceo@not-ours.example")
        assert client.rcpt(probe.recipient)[0] >= 500


def test_greeting_is_the_host_name(mail_host: Host) -> None:
    """25 greets with the host's own name."""
    with socket.create_connection((str(mail_host.addresses[0].ip), 25), timeout=TIMEOUT) as connection:
        greeting = connection.recv(512).decode()

    assert greeting.startswith(f"220 {mail_host.fqdn} ")


def test_wrong_password_is_refused(submission_host: Host, trust: ssl.SSLContext, project: Project) -> None:
    """A wrong password is refused."""
    # Last of all, and tried once: Dovecot makes an address that guesses wait longer and longer.
    with _submission(submission_host, trust) as client:
        client.user, client.password = project.fleet.logins[0].login, "not the password"
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.auth("PLAIN", client.auth_plain)
