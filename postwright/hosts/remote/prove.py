"""Submits a message per domain to the host's own proof port, and brings back what Postfix and the signer made of it.

The message is held, read from the queue and removed: nothing is delivered.
"""

from __future__ import annotations

import re
import smtplib
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from postwright.hosts.remote.common import answer, fail, run

ACCEPTED = 250
AT_ONCE = 500


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


def submit(client: smtplib.SMTP, domain: str, request: dict[str, Any]) -> tuple[str, str]:
    """Hand a message to the proof port; its queue id, or what Postfix said instead of taking it."""
    if client.sock is None:
        client.connect("127.0.0.1", request["port"])
    client.ehlo_or_helo_if_needed()
    client.mail(f"postmaster@{domain}")
    client.rcpt(f"postmaster@{request['hostname']}")
    code, answer = client.data(message(domain, request["hostname"]).as_bytes())
    found = re.search(rb"queued as (\S+)", answer)
    if code != ACCEPTED or not found:
        client.close()  # whatever state that left the session in
        return "", f"{code} {answer.decode(errors='replace')}"
    return found[1].decode(), ""


def submitted(request: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """A message per domain, all in one session, which began after the signer took up its tables."""
    with smtplib.SMTP(timeout=30) as client:
        return {domain: submit(client, domain, request) for domain in request["domains"]}


def as_sent(queue_id: str) -> str:
    """The message as it would go out."""
    shown = run("postcat", "-bhq", queue_id)
    if shown.returncode:
        fail(f"{queue_id}: {shown.stderr}")
    return shown.stdout


def remove(queue_ids: list[str]) -> None:
    """Take the messages from the queue, many at a time: each call looks through all of it."""
    for start in range(0, len(queue_ids), AT_ONCE):
        chosen = (option for queue_id in queue_ids[start : start + AT_ONCE] for option in ("-d", queue_id))
        run("postsuper", *chosen)


def main(request: dict[str, Any]) -> None:
    """Run the script. A domain's message is refused where the signer cannot use its key."""
    taken = submitted(request)
    queue_ids = {domain: queue_id for domain, (queue_id, _) in taken.items() if queue_id}
    try:
        with ThreadPoolExecutor(4) as pool:
            texts = list(pool.map(as_sent, queue_ids.values()))
    finally:
        remove(list(queue_ids.values()))
    answer(
        messages=dict(zip(queue_ids, texts, strict=True)),
        refused={domain: said for domain, (_, said) in taken.items() if said},
    )
