"""Submits a message per domain to the host's own proof port, and brings back what Postfix and the signer made of it.

The message is held, read from the queue and removed: nothing is delivered.
"""

from __future__ import annotations

import base64  # noqa: F401
import re
import smtplib
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from common import *  # noqa: F403


def message(domain):
    mail = EmailMessage()
    mail["From"] = f"postmaster@{domain}"
    mail["To"] = f"postmaster@{REQUEST['hostname']}"
    mail["Subject"] = "postwright proves that this host signs"
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=domain)
    mail.set_content("Held, looked at and removed by postwright; never delivered.\n")
    return mail


def submit(domain):
    """The queue id of a message handed to the proof port."""
    with smtplib.SMTP("127.0.0.1", REQUEST["port"], timeout=30) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(f"postmaster@{domain}")
        client.rcpt(f"postmaster@{REQUEST['hostname']}")
        code, answer = client.data(message(domain).as_bytes())
    found = re.search(rb"queued as (\S+)", answer)
    if code != 250 or not found:
        fail(f"{domain}: Postfix did not take the message: {code} {answer.decode(errors='replace')}")
    return found[1].decode()


def as_sent(queue_id):
    """The message as it would go out."""
    shown = run("postcat", "-bhq", queue_id)
    run("postsuper", "-d", queue_id)
    if shown.returncode:
        fail(f"{queue_id}: {shown.stderr}")
    return shown.stdout


def main():
    answer(messages={domain: as_sent(submit(domain)) for domain in REQUEST["domains"]})
