"""What clients and strangers see when they speak SMTP to a host from outside."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import testinfra.host

from postwright import secret
from postwright.checks import relaying, smtp
from postwright.checks.answers import last_line
from postwright.checks.relaying import envelopes
from postwright.checks.unknown import UnknownError
from postwright.inventory import Project
from postwright.limits.limiter import COUNTED
from postwright.model import Fleet, Host
from postwright.model.fleet import Probe
from postwright.services import limits


def test_certificate_is_trusted_on_465(submission_host: Host, trust: ssl.SSLContext) -> None:
    """465 speaks TLS at once, with a certificate for the host's name that clients trust."""
    with smtp.connected(submission_host, smtplib.SMTP_SSL, 465, context=trust) as client:
        assert client.ehlo()[0] == 250


def test_certificate_is_trusted_on_587(submission_host: Host, trust: ssl.SSLContext) -> None:
    """587 offers STARTTLS with a certificate for the host's name that clients trust."""
    with smtp.submission(submission_host, trust) as client:
        assert client.ehlo()[0] == 250


def test_certificate_lasts(files_host: Host, trust: ssl.SSLContext) -> None:
    """The certificate is valid for 14 more days."""
    with smtp.submission(files_host, trust) as client:
        certificate = client.sock.getpeercert()  # type: ignore[union-attr]
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)

    assert end > datetime.now(UTC) + timedelta(days=14), f"it ends on {end:%Y-%m-%d}"


def test_old_tls_is_refused(submission_host: Host) -> None:
    """TLS 1.1 and older are refused."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    client = smtp.connected(submission_host, smtplib.SMTP, 587)

    try:
        client.starttls(context=old)
    except (ssl.SSLError, smtplib.SMTPServerDisconnected, ConnectionError):
        return
    finally:
        client.close()
    pytest.fail("a connection with TLS 1.1 or older was made")


def test_no_login_in_clear(submission_host: Host) -> None:
    """587 offers no AUTH before TLS."""
    with smtp.connected(submission_host, smtplib.SMTP, 587) as client:
        client.ehlo()
        assert not client.has_extn("auth"), f"it offers AUTH{client.esmtp_features['auth']}"


def test_login_before_tls_is_refused(submission_host: Host) -> None:
    """587 takes no login before TLS, whoever tries."""
    with smtp.connected(submission_host, smtplib.SMTP, 587) as client:
        client.ehlo()
        code, said = client.docmd("AUTH", "PLAIN AG5vYm9keQBub3RoaW5n")

    assert code >= 500, f"it goes on: {code} {said.decode(errors='replace')}"


def test_no_login_on_25(mx_host: Host) -> None:
    """25 offers no AUTH at all."""
    with smtp.connected(mx_host, smtplib.SMTP, 25) as client:
        client.ehlo()
        assert not client.has_extn("auth"), f"it offers AUTH{client.esmtp_features['auth']}"


def test_nothing_without_login(submission_host: Host, trust: ssl.SSLContext) -> None:
    """587 takes no mail from those who did not log in."""
    with smtp.submission(submission_host, trust) as client:
        client.mail("postmaster@example.com")
        _assert_refused(client.rcpt("postmaster@example.com"))


def test_no_open_relay(mx_host: Host, fleet: Fleet) -> None:
    """25 relays nothing for strangers, in whatever way they write the address."""
    _assert_no_relay(mx_host, fleet, lambda: smtp.connected(mx_host, smtplib.SMTP, 25))


def test_no_relay_on_465_without_login(submission_host: Host, fleet: Fleet, trust: ssl.SSLContext) -> None:
    """465 relays nothing for those who did not log in, in whatever way they write the address."""
    _assert_no_relay(
        submission_host, fleet, lambda: smtp.connected(submission_host, smtplib.SMTP_SSL, 465, context=trust)
    )


def test_no_relay_on_587_without_login(submission_host: Host, fleet: Fleet, trust: ssl.SSLContext) -> None:
    """587 relays nothing for those who did not log in, in whatever way they write the address."""
    _assert_no_relay(submission_host, fleet, lambda: smtp.submission(submission_host, trust))


def _assert_no_relay(host: Host, fleet: Fleet, connect: Callable[[], smtplib.SMTP]) -> None:
    taken = relaying.taken(envelopes(fleet, host), connect)
    trusted = next((it for it in host.trusted_networks if taken.source in it), None)
    if taken.envelopes and trusted:
        msg = f"host {host.name}: it relays for {taken.source}, from where this was asked, as trusted_networks has {trusted}; ask from elsewhere"
        raise UnknownError(msg)

    said = "; ".join(f"{it.what}: {it.recipient} from <{it.sender}>" for it in taken.envelopes)
    assert not taken.envelopes, f"it took {said}"


@pytest.mark.logs_in
def test_login_cannot_use_foreign_sender(submission_host: Host, trust: ssl.SSLContext, project: Project) -> None:
    """A login cannot send as somebody it was not given."""
    with _logged_in(submission_host, trust, project) as client:
        client.mail("ceo@not-ours.example")
        _assert_refused(client.rcpt(_probe(project).recipient))


@pytest.mark.logs_in
def test_login_cannot_use_foreign_from(foreign_from: tuple[Host, str], trust: ssl.SSLContext, project: Project) -> None:
    """A login cannot have a message signed for a domain of the fleet that is not its own."""
    host, domain = foreign_from
    probe = _probe(project)
    with _logged_in(host, trust, project) as client:
        client.mail(probe.sender)
        client.rcpt(probe.recipient)
        try:
            code, said = client.data(f"From: postmaster@{domain}\r\nSubject: this must be refused\r\n\r\n")
        except smtplib.SMTPDataError as error:
            code, said = error.smtp_code, error.smtp_error  # type: ignore[assignment]
    if 400 <= code < 500:
        raise UnknownError(f"host {host.name}: it wants us to come again: {code} {said.decode(errors='replace')}")

    assert code >= 500, f"it took a message from {domain}: {code} {said.decode(errors='replace')}"


def test_logins_are_counted(limited_host: Host, on: Callable[[Host], testinfra.host.Host]) -> None:
    """What logins send is counted: the service that Postfix asks keeps count in its database."""
    question = "request=status\n\n"
    code = f"import socket; s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect({limits.SOCKET!r}); s.sendall({question.encode()!r}); print(s.recv(200))"
    answer = on(limited_host).run("python3 -c %s", code)

    assert answer.rc == 0, f"no answer: {last_line(answer.stderr)}"
    assert f"action={COUNTED.decode()}" in answer.stdout, f"it answers {answer.stdout.strip()}"


def test_greeting_is_the_host_name(mx_host: Host) -> None:
    """25 greets with the host's own name."""
    with (
        smtp.connecting(mx_host, 25) as address,
        socket.create_connection((address, 25), timeout=smtp.patience(address)) as connection,
    ):
        greeting = connection.recv(512).decode(errors="replace")

    assert greeting.startswith(f"220 {mx_host.fqdn} "), f"it greets with {greeting.strip()!r}"


@pytest.mark.guesses
def test_wrong_password_is_refused(submission_host: Host, trust: ssl.SSLContext, project: Project) -> None:
    """A wrong password is refused."""
    # After all logins, and tried once: Dovecot makes an address that guesses wait longer and longer.
    with smtp.submission(submission_host, trust) as client:
        client.user, client.password = project.fleet.logins[0].login, "not the password"
        try:
            client.auth("PLAIN", client.auth_plain)
        except smtplib.SMTPAuthenticationError:
            return
    pytest.fail("it was accepted")


def _assert_refused(answer: tuple[int, bytes]) -> None:
    code, said = answer
    assert code >= 500, f"the recipient was not refused: {code} {said.decode(errors='replace')}"


def _probe(project: Project) -> Probe:
    if project.fleet.probe is None:
        raise UnknownError("no mail_fleet.probe in the inventory, so no login to try with")
    return project.fleet.probe


@contextmanager
def _logged_in(host: Host, trust: ssl.SSLContext, project: Project) -> Iterator[smtplib.SMTP]:
    """A client on 587 with the probe's login."""
    probe = _probe(project)
    password = secret.read(probe.password, project.base, "mail_fleet.probe.password")
    with smtp.submission(host, trust) as client:
        client.login(probe.login, password)
        yield client
