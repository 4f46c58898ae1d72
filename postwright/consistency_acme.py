"""Certificates that could not be had as the inventory says; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright.files import NAME
from postwright.model import Fleet, Rfc2136
from postwright.model.tls import LETS_ENCRYPT, LETS_ENCRYPT_STAGING
from postwright.policy_hosts import policy_name, servers

_PLACE = "mail_fleet.acme"


def _odd_names(fleet: Fleet) -> Iterator[str]:
    """A host's name becomes that of the files its keys are kept in."""
    for host in fleet.hosts:
        reasons = ['"tls": "acme"'] * (host.tls_files is None) + ['"management"'] * (host.management is not None)
        if reasons and not NAME.fullmatch(host.name):
            yield f"host {host.name}: with {' and '.join(reasons)} its name must be letters, digits, dots and hyphens; rename it"


def _nobody_to_ask(fleet: Fleet) -> Iterator[str]:
    for host in fleet.hosts:
        if host.tls_files is None and fleet.acme is None:
            yield f'host {host.name}: mail_host.tls: "acme" needs {_PLACE}; add it, with a contact address'


def _foreign_staging(fleet: Fleet) -> Iterator[str]:
    acme = fleet.acme
    if acme and acme.directory != LETS_ENCRYPT and acme.staging == LETS_ENCRYPT_STAGING:
        yield f"{_PLACE}.staging: is Let's Encrypt's, but the directory is not; name that of the same authority, or say None"


def _challenge(fleet: Fleet) -> Iterator[str]:
    acme = fleet.acme
    if acme is None:
        return
    if acme.challenge == "http-01":
        if acme.provider is not None:
            yield f'{_PLACE}.provider: is of no use with http-01; take it out, or say "challenge": "dns-01"'
        return
    known = ", ".join(sorted(name for name, it in fleet.providers.items() if isinstance(it, Rfc2136))) or "none"
    if not isinstance(fleet.providers.get(acme.provider or ""), Rfc2136):
        yield f"{_PLACE}.provider: dns-01 needs one of kind rfc2136 (there is: {known}); name it here"


def _shared_policies(fleet: Fleet) -> Iterator[str]:
    """Over HTTP the authority asks any one of the addresses of a name, and one host alone knows the answer."""
    if fleet.acme is None or fleet.acme.challenge != "http-01":
        return
    for position, domain in enumerate(fleet.domains):
        hosts = servers(fleet, domain) if domain.mta_sts and domain.mta_sts.certificate is None else ()
        if len(hosts) > 1 and any(fleet.acme_of(host) for host in hosts):
            names = ", ".join(host.name for host in hosts)
            yield (
                f"mail_fleet.domains[{position}].mta_sts.policy_host: {policy_name(domain)} leads to several hosts ({names}), so none of them "
                f'could prove it by http-01; name one host\'s HELO name, give it a certificate, or say "challenge": "dns-01" in {_PLACE}'
            )


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _odd_names: set(),
    _nobody_to_ask: {"acme"},
    _foreign_staging: {"acme"},
    _challenge: {"acme", "providers"},
    _shared_policies: {"acme", "domains", "hosts"},
}
