"""From a project to what each host is to have, with the keys it signs with."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from postwright import material
from postwright.errors import UsageError
from postwright.inventory import Project
from postwright.model import Host
from postwright.services.bundle import Bundle, bundle
from postwright.services.parts import Context, HostSecrets, Release, SigningKey


def ready_bundle(project: Project, host: Host, release: Release, passphrase: str) -> Bundle:
    """What a host gets now. UsageError while one of its domains has no key that DNS confirms.

    A delegated domain that its owner has not led to us yet is left out: the host takes no mail of it.
    """
    secrets = material.host_secrets(project, host, passphrase)
    signed = {key.domain for key in secrets.signing_keys}
    unsigned = [
        domain.name for domain in project.fleet.domains_of(host) if domain.name not in signed and not domain.delegated
    ]
    if unsigned:
        msg = f"host {host.name}: no confirmed DKIM key for {', '.join(unsigned)}; run `postwright apply`, which makes and publishes them"
        raise UsageError(msg)
    return bundle(Context(project.fleet, host, release, secrets))


def planned_bundle(
    project: Project, host: Host, release: Release, passphrase: str, waiting: Collection[str] = ()
) -> Bundle:
    """What a host will have after an apply: domains without a confirmed key sign with the one that will be made.

    ``waiting``: domains whose owner has not led them to us yet; without a confirmed key they are left out.
    """
    secrets = material.host_secrets(project, host, passphrase)
    keys = {key.domain: key for key in secrets.signing_keys}
    for domain in (domain for domain in project.fleet.domains_of(host) if domain.name not in waiting):
        keys.setdefault(domain.name, SigningKey(domain.name, planned_selector(project, domain.name), b""))
    planned = HostSecrets(tuple(keys.values()), secrets.certificate, secrets.private_key, secrets.password_hashes)
    return bundle(Context(project.fleet, host, release, planned))


def planned_selector(project: Project, domain: str) -> str:
    """The selector of the key that waits for its confirmation, or of the one an apply would make today."""
    keyring = material.keyring_of(project)
    keys = keyring.keys(domain)
    return keys[-1].selector if keys else keyring.next_selector(domain, datetime.now(UTC).date())
