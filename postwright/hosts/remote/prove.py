"""Submits a message per domain to the host's own proof port, and brings back what Postfix and the signer made of it.

The message is held, read from the queue and removed: nothing is delivered.
"""

from __future__ import annotations

import re
import smtplib
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from postwright.hosts.remote.common import answer, fail, run

ACCEPTED = 250


def message(domain: str, hostname: str) -> EmailMessage:
    """From the domain to the host itself."""
    mail = EmailMessage()
    mail["From"] = f"postmaster@{domain}"
    mail["To"] = f"postmaster@{hostname}"
    mail["Subject"] = "postwright proves that this host signs"
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=domain)
    mail.set_content("Held, looked at and removed by postwright; never delivered.\n")
    return mail


def submit(domain: str, request: dict[str, Any]) -> str:
    """Hand a message to the proof port; its queue id."""
    with smtplib.SMTP("127.0.0.1", request["port"], timeout=30) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(f"postmaster@{domain}")
        client.rcpt(f"postmaster@{request['hostname']}")
        code, answer = client.data(message(domain, request["hostname"]).as_bytes())
    found = re.search(rb"queued as (\S+)", answer)
    if code != ACCEPTED or not found:
        fail(f"{domain}: Postfix did not take the message: {code} {answer.decode(errors='replace')}")
    return found[1].decode()


def as_sent(queue_id: str) -> str:
    """Take the message, as it would go out, from the queue."""
    shown = run("postcat", "-bhq", queue_id)
    run("postsuper", "-d", queue_id)
    if shown.returncode:
        fail(f"{queue_id}: {shown.stderr}")
    return shown.stdout


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    answer(messages={domain: as_sent(submit(domain, request)) for domain in request["domains"]})
