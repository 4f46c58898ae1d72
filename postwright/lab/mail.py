"""Sends a message through a lab the way an application would, and finds it again at the receiver.

Promise: certificates are always verified; waiting is for a condition, with a deadline.
"""

from __future__ import annotations

import secrets
import smtplib
import ssl
import time
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.utils import formatdate
from pathlib import Path
from typing import Any

from postwright.errors import LabError
from postwright.lab import guest, machine
from postwright.lab.layout import SENDING_DOMAIN, Layout
from postwright.lab.state import Lab, load
from postwright.lab.verdict import Verdict, verdict

IMPLICIT_TLS = 465
STARTTLS = 587
_POLL = 0.02
_TIMEOUT = 20.0


def compose(lab: Lab, token: str, sender: str | None = None, recipient: str | None = None) -> EmailMessage:
    """A small message that carries the token where ``find`` looks for it."""
    message = EmailMessage()
    message["From"] = sender or lab.submission.login
    message["To"] = recipient or lab.recipient
    message["Subject"] = f"postwright probe {token}"
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{token}@{SENDING_DOMAIN}>"
    message.set_content(f"Sent by the lab to see what a receiver makes of it: {token}\n")
    return message


def send(
    lab: Lab,
    message: EmailMessage | None = None,
    *,
    host: str = "mx1",
    port: int = IMPLICIT_TLS,
    sender: str | None = None,
    recipient: str | None = None,
) -> str:
    """Submit one message, with password, over TLS; port 465 is implicit TLS, others are STARTTLS. Returns its token.

    A message of one's own carries a token in its Message-ID, before the @.
    """
    message = message or compose(lab, secrets.token_hex(8), sender, recipient)
    try:
        with _connect(lab, host, port) as client:
            client.login(lab.submission.login, lab.submission.password_file.read_text().strip())
            client.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise LabError(
            f"lab: {host} port {port} did not take the message: {error}; "
            f"has it been set up (postwright apply)? its log: postwright lab shell {host} -- journalctl -n 50",
        ) from error
    return token_of(message)


def token_of(message: Message) -> str:
    """What ``find`` is to look for."""
    return str(message["Message-ID"]).strip("<>").partition("@")[0]


class _Named(ssl.SSLContext):
    """Verifies the certificate for one name, whatever address is dialled."""

    name = ""

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **(options | {"server_hostname": self.name}))


def _connect(lab: Lab, host: str, port: int) -> smtplib.SMTP:
    if host not in lab.hosts:
        raise LabError(f"lab: {host} is not part of this lab; its hosts are {', '.join(lab.hosts)}")
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.name = f"{host}.{SENDING_DOMAIN}"
    context.load_verify_locations(lab.ca_certificate)
    address = lab.hosts[host].ipv4
    if port == IMPLICIT_TLS:
        return smtplib.SMTP_SSL(address, port, timeout=_TIMEOUT, context=context)
    client = smtplib.SMTP(address, port, timeout=_TIMEOUT)
    client.starttls(context=context)
    return client


def find(lab: Lab, token: str, timeout: float = 30.0) -> Message:
    """The message with this token, once the receiver has it."""
    mailbox = guest.root(Layout.named(lab.name), "receiver") / "var/mail/lab/new"
    deadline, seen = time.monotonic() + timeout, set[Path]()
    while True:
        for file in set(mailbox.glob("*")) - seen:
            seen.add(file)
            message = message_from_bytes(file.read_bytes(), policy=policy.compat32)
            if token in str(message["Message-ID"]):
                return message
        if time.monotonic() > deadline:
            raise LabError(
                f"lab: message {token} did not reach the receiver within {timeout:g} s; "
                "see the sender's queue and log: postwright lab shell mx1 -- sh -c 'postqueue -p; journalctl -n 50'",
            )
        time.sleep(_POLL)


def exchange(
    name: str | None = None,
    *,
    host: str = "mx1",
    port: int = IMPLICIT_TLS,
    sender: str | None = None,
    recipient: str | None = None,
    timeout: float = 30.0,
) -> Verdict:
    """Send one message and say what the receiver made of it."""
    machine.require()
    lab = load(name)
    token = send(lab, host=host, port=port, sender=sender, recipient=recipient)
    return verdict(find(lab, token, timeout))
