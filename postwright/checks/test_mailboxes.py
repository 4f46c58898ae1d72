"""Mail to our own addresses: what must be taken is, nothing else, and only its owner reads it."""

from __future__ import annotations

import imaplib
import secrets
import shlex
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterable

import pytest
import testinfra.host

from postwright.checks import smtp
from postwright.dns.kinds.exchangers import takers
from postwright.inventory import Project
from postwright.mailboxes import IMAPS, POP3S, ROOT, domain_of, folder, held_by, reports_to
from postwright.model import Domain, Fleet, Host
from postwright.services.mailboxes import USER

On = Callable[[Host], testinfra.host.Host]
Drained = Callable[[str], bool]


def test_imap_answers_with_tls(box_host: Host, trust: ssl.SSLContext) -> None:
    """993 answers with TLS and a certificate for the host's name that clients trust."""
    assert _greeting(box_host, IMAPS, trust).startswith(b"* OK")


def test_pop3_answers_with_tls(box_host: Host, trust: ssl.SSLContext) -> None:
    """995 answers with TLS and a certificate for the host's name that clients trust."""
    assert _greeting(box_host, POP3S, trust).startswith(b"+OK")


def _greeting(host: Host, port: int, trust: ssl.SSLContext) -> bytes:
    with (
        smtp.connecting(host, port) as address,
        _dialled(address, port) as plain,
        trust.wrap_socket(plain, server_hostname=host.fqdn) as connection,
    ):
        return connection.recv(200)


@pytest.mark.parametrize("setting", ["143", "110"])
def test_nothing_is_read_in_clear(box_host: Host, setting: str, on: On) -> None:
    """The ports of IMAP and POP3 without TLS are closed."""
    on(box_host).run("true")  # one that is down has nothing open
    address = str(box_host.addresses[0].ip)
    with pytest.raises(OSError):  # noqa: PT011 - refused, or no answer at all
        _dialled(address, int(setting)).close()


def _dialled(address: str, port: int) -> socket.socket:
    return socket.create_connection((address, port), timeout=smtp.patience(address))


def test_own_addresses_are_taken(receiving: Domain, fleet: Fleet, drained: Drained) -> None:
    """postmaster@ and abuse@ of the domain are taken by each of its MX hosts, from whoever, a bounce too (RFC 2142)."""
    for host in _taking(takers(fleet, receiving), drained):
        _assert_taken(host, [f"{local}@{receiving.name}" for local in ("postmaster", "abuse")])


def test_reports_can_arrive(reported: Domain, fleet: Fleet, drained: Drained) -> None:
    """The addresses at these hosts that DNS tells others to send reports to are taken."""
    for address in reports_to(fleet, reported):
        domain = domain_of(fleet, address)
        for host in _taking(takers(fleet, domain), drained) if domain else ():
            _assert_taken(host, [address])


def test_mailboxes_are_taken(taking_host: Host, fleet: Fleet) -> None:
    """Mail for the mailboxes of the host is taken; one that is full says so."""
    _assert_taken(taking_host, held_by(fleet, taking_host))


def test_mailboxes_can_be_stored(taking_host: Host, fleet: Fleet, on: On) -> None:
    """Dovecot has made the folder of each mailbox of the host, or can make it."""
    held = held_by(fleet, taking_host)
    # Whether it is full is asked of the mailbox itself; Dovecot makes its folder then, and takes the mail if it could not.
    _answers(taking_host, held)
    folders = " ".join(shlex.quote(f"{folder(it)}/Maildir") for it in held)
    found = on(taking_host).run(f"ls -d {folders}")

    assert found.rc == 0, f"{found.stderr.strip()}; see `journalctl -u dovecot` on {taking_host.name}"


def test_unknown_addresses_are_refused(receiving: Domain, fleet: Fleet, drained: Drained) -> None:
    """An address nobody has is refused while the sender is connected, not bounced later."""
    if "*" in receiving.aliases:
        return
    unknown = f"nobody-{secrets.token_hex(8)}@{receiving.name}"
    for host in _taking(takers(fleet, receiving), drained):
        code, said = _answers(host, [unknown])[unknown]
        assert code >= 500, f"{host.name} says {code} {said} of {unknown}"


def _taking(hosts: Iterable[Host], drained: Drained) -> list[Host]:
    """Those that take mail in; with none of them there is nothing to look at."""
    taking = [host for host in hosts if not drained(host.name)]
    if not taking:
        pytest.skip("every host that takes its mail is drained: until `postwright apply --undrain`")
    return taking


def _assert_taken(host: Host, addresses: Iterable[str]) -> None:
    answers = _answers(host, addresses)
    wrong = [f"{address}: {code} {said}" for address, (code, said) in answers.items() if code != 250]
    assert not wrong, f"{host.name} refuses {'; '.join(wrong)}"


def _answers(host: Host, addresses: Iterable[str]) -> dict[str, tuple[int, str]]:
    """What the host says of a bounce to each address; nothing is sent."""
    found = {}
    with smtp.connected(host, smtplib.SMTP, 25) as client:
        client.ehlo()
        for address in addresses:
            client.docmd("RSET")
            client.mail("")
            code, said = client.rcpt(address)
            found[address] = code, said.decode(errors="replace")
    return found


@pytest.mark.guesses
def test_wrong_mailbox_password_is_refused(box_host: Host, fleet: Fleet, project: Project) -> None:
    """A wrong password reads nothing."""
    # Once each: Dovecot makes an address that guesses wait longer and longer.
    address = next(iter(held_by(fleet, box_host)))
    with smtp.connecting(box_host, IMAPS) as where:
        imap = imaplib.IMAP4_SSL(where, IMAPS, ssl_context=_any_name(project), timeout=smtp.TIMEOUT)
        with pytest.raises(imaplib.IMAP4.error, match=r"(?i)auth"):
            imap.login(address, "not the password")
        imap.logout()


def test_mailboxes_lie_in_one_place(box_host: Host, on: On) -> None:
    """Mailboxes are readable by their own user alone."""
    found = on(box_host).run(f"stat -c '%a %U' {ROOT}").stdout.strip()

    assert found in {f"700 {USER}", f"2700 {USER}"}, f"{ROOT} is {found or 'not there'}"


def _any_name(project: Project) -> ssl.SSLContext:
    """Dialled by address; the name is looked at above."""
    trust = smtp.trusting(project)
    trust.check_hostname = False
    return trust
