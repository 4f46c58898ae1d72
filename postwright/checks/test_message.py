"""What really leaves a host."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from postwright import secret
from postwright.apply import joined_text
from postwright.checks.unknown import UnknownError
from postwright.inventory import Project
from postwright.model import Host
from postwright.proof import prove_signing


def test_messages_are_signed(project: Project) -> None:
    """Every host signs for its domains, and the signatures verify with the keys in DNS."""
    proven = prove_signing(project, lambda name: joined_text(project, name))

    assert {signature.host for signature in proven} == {host.name for host in project.fleet.hosts}


def test_message_is_accepted(submission_host: Host, project: Project) -> None:
    """A message submitted with a login over TLS is taken for delivery."""
    probe = project.fleet.probe
    if probe is None:
        msg = "no mail_fleet.probe in the inventory; name a login and a recipient there"
        raise UnknownError(msg)
    trust = ssl.create_default_context()
    if project.fleet.tls_authorities:
        trust.load_verify_locations(project.path(project.fleet.tls_authorities))
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = probe.sender, probe.recipient, "postwright verify"
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=probe.sender.partition("@")[2])
    mail.set_content("Sent by `postwright verify` to prove that mail can be submitted.\n")
    with smtplib.SMTP_SSL(timeout=10, context=trust) as client:
        client._host = submission_host.fqdn  # type: ignore[attr-defined]  # noqa: SLF001 - the name TLS verifies
        client.connect(str(submission_host.addresses[0].ip), 465)
        client.login(probe.login, secret.read(probe.password, project.base, "mail_fleet.probe.password"))

        assert client.send_message(mail) == {}
