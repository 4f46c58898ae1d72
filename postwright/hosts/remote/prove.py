"""Submits a message per domain to the host's own proof port, and brings back what Postfix and the signer made of it.

The message is held, read from the queue and removed: nothing is delivered.
"""

from __future__ import annotations

import json
import re
import smtplib
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

from postwright.hosts.remote.common import answer, fail, run

ACCEPTED = 250
AT_ONCE = 500
SUBJECT = "postwright proves that this host signs"


def message(domain: str, hostname: str) -> EmailMessage:
    """From the domain to the host itself."""
    mail = EmailMessage()
    mail["From"] = f"postmaster@{domain}"
    mail["To"] = f"postmaster@{hostname}"
    mail["Subject"] = SUBJECT
    mail["Date"] = formatdate()
    mail["Message-ID"] = make_msgid(domain=domain)
    mail.set_content("Held, looked at and removed by postwright; never delivered.\n")
    return mail


def submit(client: smtplib.SMTP, domain: str, request: dict[str, Any]) -> tuple[str, str]:
    """Hand a message to the proof port; its queue id, or what Postfix said instead of taking it."""
    if client.sock is None:
        client.connect("127.0.0.1", request["port"])
    client.ehlo_or_helo_if_needed()
    for say, address in ((client.mail, f"postmaster@{domain}"), (client.rcpt, f"postmaster@{request['hostname']}")):
        code, said = say(address)
        if code != ACCEPTED:
            return refused(client, code, said)
    code, said = client.data(message(domain, request["hostname"]).as_bytes())
    found = re.search(rb"queued as (\S+)", said)
    return (found[1].decode(), "") if code == ACCEPTED and found else refused(client, code, said)


def refused(client: smtplib.SMTP, code: int, said: bytes) -> tuple[str, str]:
    """What Postfix said; the session is given up, whatever state it is in."""
    client.close()
    return "", f"{code} {said.decode(errors='replace')}"


def submitted(request: dict[str, Any], queue_ids: dict[str, str]) -> dict[str, str]:
    """A message per domain, all in one session, which began after the signer took up its tables.

    Fills ``queue_ids`` as they are given, and returns what was said to domains whose message was refused.
    """
    problems = {}
    with smtplib.SMTP(timeout=30) as client:
        for domain in request["domains"]:
            queue_id, said = submit(client, domain, request)
            queue_ids.update({domain: queue_id} if queue_id else {})
            problems.update({domain: said} if said else {})
    return problems


def left_behind(hostname: str) -> list[str]:
    """Messages of a run that was cut short. They are on hold for good, and look like mail signed with an old key."""
    shown = run("postqueue", "-j").stdout.splitlines()
    held = [it for it in map(json.loads, shown) if it["queue_name"] == "hold"]
    ours = [it["queue_id"] for it in held if [to["address"] for to in it["recipients"]] == [f"postmaster@{hostname}"]]
    return [queue_id for queue_id in ours if f"Subject: {SUBJECT}\n" in run("postcat", "-hq", queue_id).stdout]


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
    remove(left_behind(request["hostname"]))
    queue_ids: dict[str, str] = {}
    try:
        problems = submitted(request, queue_ids)
        with ThreadPoolExecutor(4) as pool:
            texts = list(pool.map(as_sent, queue_ids.values()))
    finally:
        remove(list(queue_ids.values()))
    answer(messages=dict(zip(queue_ids, texts, strict=True)), refused=problems)
