"""Certificates that could not be had as the inventory says; part of ``consistency``.

Pure. Every check yields ``key path: what is wrong; what to do`` and never stops at the first problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from postwright.model import Fleet, Rfc2136
from postwright.model.tls import LETS_ENCRYPT, LETS_ENCRYPT_STAGING

_PLACE = "mail_fleet.acme"
_FILE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def _odd_names(fleet: Fleet) -> Iterator[str]:
    """A host's name becomes that of the file its key is kept in."""
    for host in fleet.hosts:
        if host.tls_files is None and not _FILE_NAME.fullmatch(host.name):
            yield f'host {host.name}: with "tls": "acme" its name must be letters, digits, dots and hyphens; rename it'


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


# Each with the fields it cannot do without.
CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _odd_names: set(),
    _nobody_to_ask: {"acme"},
    _foreign_staging: {"acme"},
    _challenge: {"acme", "providers"},
}
