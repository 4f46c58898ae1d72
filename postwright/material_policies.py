"""The certificates MTA-STS policies are served with: read from the operator's disk, and judged. Part of ``material``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright import certificates
from postwright.files import content
from postwright.inventory import Project
from postwright.keys.private import load_private_key, plain
from postwright.model import Domain, Host, TlsFiles
from postwright.policy_hosts import policy_name, policy_names, served, servers
from postwright.services.parts import PolicyCertificate


def certificates_of(project: Project, host: Host, passphrase: str) -> dict[str, PolicyCertificate]:
    """Domain → certificate and key of its policy's name, of those the host serves with one of their own."""
    return {
        domain.name: PolicyCertificate(
            content(project.path(files.certificate)), plain(load_private_key(project.path(files.key), passphrase))
        )
        for domain, files in _own(project, host)
    }


def shown(project: Project, host: Host) -> dict[str, PolicyCertificate]:
    """The same without the keys, for which a passphrase may be needed."""
    return {
        domain.name: PolicyCertificate(content(project.path(files.certificate)), b"")
        for domain, files in _own(project, host)
    }


def _own(project: Project, host: Host) -> Iterator[tuple[Domain, TlsFiles]]:
    for domain in served(project.fleet, host):
        if domain.mta_sts and domain.mta_sts.certificate:
            yield domain, domain.mta_sts.certificate


def problems(project: Project, passphrase: Callable[[], str]) -> Iterator[str]:
    """Policy names no certificate is for, and what is wrong with the certificates that only policies have."""
    for host in project.fleet.hosts:
        if host.tls_files is None:  # its certificate is issued for these names as well
            continue
        path = project.path(host.tls_files.certificate)
        for name in certificates.not_covered(path, policy_names(project.fleet, host)):
            yield (
                f"{path}: is not for {name}, at which host {host.name} serves an MTA-STS policy; get one for that name too, "
                'or name a pair for it as "certificate" in the domain\'s mta_sts'
            )
    for domain in project.fleet.domains:
        files = domain.mta_sts.certificate if domain.mta_sts and servers(project.fleet, domain) else None
        if files:
            pair = project.path(files.certificate), project.path(files.key)
            yield from certificates.problems(*pair, policy_name(domain), passphrase)
