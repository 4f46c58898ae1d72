"""Reads what the rendering of hosts needs from the operator's disk: certificates, keys, password hashes.

All problems are collected; private parts are kept in memory only.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from postwright import secret
from postwright.errors import PostwrightError, UsageError
from postwright.inventory import Project
from postwright.keys.keyring import Keyring, load_private_key, require_strength
from postwright.model import Host
from postwright.services.parts import HostSecrets, SigningKey


def keyring_of(project: Project) -> Keyring:
    """The project's keyring."""
    return Keyring(project.path(project.fleet.keys.directory))


def passphrase_of(project: Project) -> str:
    """The keyring's passphrase; UsageError if it cannot be read or is too weak."""
    source = project.fleet.keys.passphrase
    return require_strength(secret.read(source, project.base, "mail_fleet.keys.passphrase"), str(source))


def host_secrets(project: Project, host: Host, passphrase: str) -> HostSecrets:
    """Everything private that one host gets."""
    return HostSecrets(
        signing_keys=_signing_keys(project, host, passphrase),
        certificate=project.path(host.tls.certificate).read_bytes(),
        private_key=_tls_key(project, host, passphrase),
        password_hashes=_password_hashes(project),
    )


def _signing_keys(project: Project, host: Host, passphrase: str) -> tuple[SigningKey, ...]:
    keyring = keyring_of(project)
    keys = ((domain.name, keyring.signing_key(domain.name)) for domain in project.fleet.domains_of(host))
    return tuple(
        SigningKey(name, key.selector, keyring.private_pem(name, key, passphrase)) for name, key in keys if key
    )


def _tls_key(project: Project, host: Host, passphrase: str) -> bytes:
    private = load_private_key(project.path(host.tls.key), passphrase)
    return private.private_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _password_hashes(project: Project) -> dict[str, str]:
    return {
        login.login: project.path(login.password_hash).read_text(encoding="utf-8").strip()
        for login in project.fleet.logins
    }


def require_valid(project: Project) -> None:
    """UsageError with every problem of certificates and password files; nothing is connected to."""
    found = [problem for host in project.fleet.hosts for problem in _certificate_problems(project, host)]
    found += [
        problem for login in project.fleet.logins for problem in _hash_problems(project.path(login.password_hash))
    ]
    if found:
        msg = f"{project.inventory}: {len(found)} problem{'s' if len(found) > 1 else ''} in files it names\n"
        raise UsageError(msg + "\n".join(f"  - {problem}" for problem in found))


def notes(project: Project) -> list[str]:
    """What is valid but not fit for production yet."""
    found = []
    for host in project.fleet.hosts:
        path = project.path(host.tls.certificate)
        certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
        if certificate.issuer == certificate.subject:
            found.append(f"{path}: self-signed; clients of {host.name} will refuse it, get one from an authority")
    return found


def _certificate_problems(project: Project, host: Host) -> Iterator[str]:
    path = project.path(host.tls.certificate)
    try:
        certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (ValueError, OSError) as error:
        yield f"{path}: not a PEM certificate ({error}); put the full chain there, the host's own first"
        return
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        yield f"{path}: expired on {certificate.not_valid_after_utc:%Y-%m-%d}; renew it"
    names = _names(certificate)
    if not any(_matches(name, host.fqdn) for name in names):
        yield f"{path}: is for {', '.join(names) or 'no name'}, not for {host.fqdn}; get one for the HELO name of host {host.name}"
    key = project.path(host.tls.key)
    if stat.S_IMODE(key.stat().st_mode) & 0o077:
        yield f"{key}: others can read it; run: chmod 600 {key}"
    yield from _pair_problems(project, certificate, key)


def _pair_problems(project: Project, certificate: x509.Certificate, key: Path) -> Iterator[str]:
    encoding = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    passphrase = passphrase_of(project) if b"ENCRYPTED" in key.read_bytes() else None
    try:
        private = load_private_key(key, passphrase)
    except PostwrightError as error:
        yield str(error)
        return
    if private.public_key().public_bytes(*encoding) != certificate.public_key().public_bytes(*encoding):  # type: ignore[attr-defined]
        yield f"{key}: not the key of its certificate; the two must belong together"


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return extension.value.get_values_for_type(x509.DNSName)


def _matches(pattern: str, name: str) -> bool:
    """RFC 6125 §6.4.3: a wildcard stands for one whole leftmost label."""
    return pattern.lower() == name or (pattern.startswith("*.") and pattern[2:].lower() == name.partition(".")[2])


def _hash_problems(path: Path) -> Iterator[str]:
    value = path.read_text(encoding="utf-8").strip()
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield f"{path}: others can read it; run: chmod 600 {path}"
    if not value.startswith(("$5$", "$6$", "$y$", "$2b$", "$2y$", "{")) or "\n" in value:
        yield f"{path}: not a password hash; make one with: openssl passwd -6 > {path}"
