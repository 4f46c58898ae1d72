"""Reading a mailbox the way its owner does, and writing to one the way a stranger does."""

from __future__ import annotations

import imaplib
import poplib
import secrets
import smtplib
import ssl
import time
from email import message_from_bytes

from postwright.lab import state
from postwright.lab.layout import SENDING_DOMAIN

_POLL = 0.1


def trust(lab, host):
    """A client that verifies the host's certificate by the lab's authority; it dials the address, and TLS wants the name."""
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.name = f"{host}.{SENDING_DOMAIN}"
    context.load_verify_locations(state.load(lab).ca_certificate)
    return context


class _Named(ssl.SSLContext):
    name = ""

    def wrap_socket(self, *args, **options):
        return super().wrap_socket(*args, **(options | {"server_hostname": self.name}))


def imap(lab, host, login, password):
    """A session that has selected the inbox; imaplib.IMAP4.error if the password is refused."""
    client = imaplib.IMAP4_SSL(state.load(lab).hosts[host].ipv4, ssl_context=trust(lab, host), timeout=20)
    client.login(login, password)
    client.select()
    return client


def pop3(lab, host, login, password):
    """A session; poplib.error_proto if the password is refused."""
    client = poplib.POP3_SSL(state.load(lab).hosts[host].ipv4, context=trust(lab, host), timeout=20)
    client.user(login)
    client.pass_(password)
    return client


def read(lab, host, login, password, token, timeout=20.0):
    """The message that contains the token, once it is there, by IMAP; AssertionError if it does not come."""
    deadline = time.monotonic() + timeout
    client = imap(lab, host, login, password)
    while not (numbers := client.search(None, "TEXT", token)[1][0].split()):
        assert time.monotonic() < deadline, f"no message with {token} came to {login} within {timeout:g} s"
        time.sleep(_POLL)
        client.noop()
    octets = client.fetch(numbers[-1], "(RFC822)")[1][0][1]
    client.logout()
    return message_from_bytes(octets)


def read_by_pop3(lab, host, login, password):
    """All messages as octets."""
    client = pop3(lab, host, login, password)
    count, _ = client.stat()
    found = [b"\r\n".join(client.retr(number)[1]) for number in range(1, count + 1)]
    client.quit()
    return found


def post(lab, host, sender, recipient, size=0):
    """A stranger's message to one recipient on port 25; its token. smtplib.SMTPException if it is refused."""
    token = secrets.token_hex(8)
    text = (
        f"From: x@stranger.test\r\nTo: {recipient}\r\nSubject: {token}\r\nMessage-ID: <{token}@stranger.test>\r\n\r\n"
    )
    text += token + "\r\n" + ("x" * 70 + "\r\n") * (size // 72)
    with smtplib.SMTP(state.load(lab).hosts[host].ipv4, 25, local_hostname="stranger.test", timeout=30) as client:
        client.sendmail(sender, [recipient], text)
    return token


def answer(lab, host, sender, recipient):
    """The code a stranger gets for a recipient on port 25; nothing is sent."""
    with smtplib.SMTP(state.load(lab).hosts[host].ipv4, 25, local_hostname="stranger.test", timeout=30) as client:
        client.ehlo()
        client.docmd("MAIL", f"FROM:<{sender}>")
        return client.docmd("RCPT", f"TO:<{recipient}>")[0]


def posted_until_refused(lab, host, sender, recipient, size, most, delivered):
    """Post so many messages at most, each when that before is ``delivered``; the code of the first refusal, or None."""
    for _ in range(most):
        try:
            post(lab, host, sender, recipient, size)
            delivered()
        except smtplib.SMTPRecipientsRefused as refused:
            return refused.recipients[recipient][0]
    return None
