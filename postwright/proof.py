"""Proves that hosts sign: a message is submitted on each, and its signature verified with the key DNS shows.

DNS is asked through ``key_text``, so that what verifies is what the world sees and not what we meant to publish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_string

import dkim

from postwright import material
from postwright.errors import DeployError
from postwright.hosts import runner
from postwright.inventory import Project
from postwright.services.postfix import PROOF_PORT

DOMAINS_PER_HOST = 20  # a message each; with thousands of domains the newest keys come first

KeyText = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Signature:
    """One verified signature: host, d= and s=."""

    host: str
    domain: str
    selector: str


def prove_signing(project: Project, key_text: KeyText, first: tuple[str, ...] = ()) -> list[Signature]:
    """A verified signature per host and domain; DeployError lists everything that does not verify.

    ``key_text`` answers the TXT of a name, or None. ``first`` are domains that must be among those looked at.
    """
    requests = {
        host.name: {"hostname": host.fqdn, "port": PROOF_PORT, "domains": _domains(project, host.name, first)}
        for host in project.fleet.hosts
    }
    answers = runner.run_script(project, "prove", requests)
    results = [
        _verified(host, domain, text, key_text)
        for host, answer in answers.items()
        for domain, text in answer["messages"].items()
    ]
    problems = [result for result in results if isinstance(result, str)]
    if problems:
        raise DeployError(
            "\n".join(problems) + "\nnothing that DNS still needs was removed; mend the cause and run again"
        )
    return [result for result in results if isinstance(result, Signature)]


def _domains(project: Project, host: str, first: tuple[str, ...]) -> list[str]:
    """The domains a host signs for; it takes no mail of others."""
    keyring = material.keyring_of(project)
    domains = project.fleet.domains_of(project.fleet.host(host))
    names = [domain.name for domain in domains if keyring.signing_key(domain.name)]
    return sorted(names, key=lambda name: name not in first)[: max(DOMAINS_PER_HOST, len(first))]


def _verified(host: str, domain: str, text: str, key_text: KeyText) -> Signature | str:
    """The signature of a message, or what is wrong with it."""
    header = message_from_string(text).get("DKIM-Signature")
    if header is None:
        return f"host {host}: {domain}: the message is not signed; see `journalctl -u opendkim` there"
    tags = {name.strip(): value.strip() for name, _, value in (tag.partition("=") for tag in header.split(";"))}
    if tags.get("d") != domain:
        return f"host {host}: {domain}: signed for {tags.get('d')}, which does not align"

    def answer(name: bytes, timeout: int = 5) -> bytes | None:  # noqa: ARG001 - dkimpy's interface
        return key_text(name.decode().rstrip("."))

    try:
        valid = dkim.verify(text.replace("\n", "\r\n").encode(), dnsfunc=answer)
    except dkim.DKIMException as error:
        return f"host {host}: {domain}: the signature by {tags.get('s')} cannot be verified: {error}"
    if not valid:
        return f"host {host}: {domain}: the signature by {tags.get('s')} does not verify with the key in DNS"
    return Signature(host, domain, tags["s"])
