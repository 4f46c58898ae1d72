"""What really leaves a host."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

import pytest

from postwright import secret
from postwright.checks import smtp
from postwright.checks.unknown import UnknownError
from postwright.inventory import Project
from postwright.model import Host
from postwright.proof import Signature, prove_signing
from postwright.rotation.living import holdings, living
from postwright.rotation.proving import joined_text


@pytest.mark.slow
def test_messages_are_signed(project: Project, unreachable: Callable[[], dict[str, str]]) -> None:
    """Every host signs for its domains, and the signatures verify with the keys in DNS."""
    lost = unreachable()
    hosts = tuple(host for host in project.fleet.hosts if host.name not in lost)
    proven = _proven(project, hosts) if hosts else []
    silent = {host.name for host in hosts} - {signature.host for signature in proven}

    assert not silent, f"no message was signed on {', '.join(sorted(silent))}"
    if lost:
        raise UnknownError("; ".join(lost.values()))


def _proven(project: Project, hosts: tuple[Host, ...]) -> list[Signature]:
    keys = living(project)
    held = {host.name: holdings(project.fleet, host, keys) for host in hosts}
    return prove_signing(_project_of(project, hosts), held, lambda name: joined_text(project, name))


def _project_of(project: Project, hosts: tuple[Host, ...]) -> Project:
    return Project(project.fleet.model_copy(update={"hosts": hosts}), project.inventory)


@pytest.mark.logs_in
def test_message_is_accepted(submission_host: Host, project: Project, trust: ssl.SSLContext) -> None:
    """A message submitted with a login over TLS is taken for delivery."""
    probe = project.fleet.probe
    if probe is None:
        msg = "no mail_fleet.probe in the inventory; name a login and a recipient there"
        raise UnknownError(msg)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = probe.sender, probe.recipient, "postwright verify"
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=probe.sender.partition("@")[2])
    mail.set_content("Sent by `postwright verify` to prove that mail can be submitted.\n")
    with smtp.connected(submission_host, smtplib.SMTP_SSL, 465, context=trust) as client:
        client.login(probe.login, secret.read(probe.password, project.base, "mail_fleet.probe.password"))

        assert client.send_message(mail) == {}
