"""From a project to what each host is to have, with the keys it signs with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postwright import material
from postwright.errors import UsageError
from postwright.inventory import Project
from postwright.keys.management import public_key
from postwright.keys.signing import Held
from postwright.model import Host
from postwright.rotation.living import holdings, living
from postwright.services.bundle import Bundle, bundle
from postwright.services.parts import Context, Release


@dataclass(frozen=True)
class HostState:
    """What a host itself decides of what it is to have: its Debian release, whether it is drained, its size (MiB)."""

    release: Release
    drained: bool = False
    cores: int = 0
    memory: int = 0


def ready_bundle(project: Project, host: Host, state: HostState, passphrase: str) -> Bundle:
    """What a host gets now. UsageError while one of its domains has no key that DNS confirms.

    A delegated domain that its owner has not led to us yet is left out: the host takes no mail of it.
    """
    held = holdings(project.fleet, host, living(project))
    signed = {key.domain for key in held if key.signs}
    unsigned = [
        domain.name for domain in project.fleet.domains_of(host) if domain.name not in signed and not domain.delegated
    ]
    if unsigned:
        msg = f"host {host.name}: no confirmed DKIM key for {', '.join(unsigned)}; run `postwright apply`, which makes and publishes them"
        raise UsageError(msg)
    if project.fleet.management and host.management and not tunnel_key(project, host):
        raise UsageError(f"host {host.name}: no key for the management network; run `postwright apply`, which makes it")
    if host in material.hosts_without_key(project):
        msg = f"host {host.name}: no TLS key in the keyring yet; run `postwright apply`, which makes it"
        raise UsageError(msg)
    return planned_bundle(project, host, state, passphrase, held)


def tunnel_key(project: Project, host: Host) -> str:
    """The public key of a host's end of the management network, as the keyring has it; empty where there is none yet."""
    return public_key(material.keyring_of(project).directory, host.name) if host.management else ""


def planned_bundle(project: Project, host: Host, state: HostState, passphrase: str, held: Sequence[Held]) -> Bundle:
    """What a host will have with these keys; those that are yet to be made are named, and empty."""
    secrets = material.host_secrets(project, host, passphrase, held)
    return bundle(Context(project.fleet, host, state.release, secrets, state.drained, state.cores, state.memory))
