"""Reads what the rendering of hosts needs from the operator's disk: certificates, keys, password hashes.

Private parts are kept in memory only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from postwright import certificates, secret
from postwright.errors import UsageError
from postwright.files import content
from postwright.inventory import Project
from postwright.keys.keyring import Keyring
from postwright.keys.private import load_private_key, plain, require_strength
from postwright.keys.signing import Held
from postwright.model import Host, SecretSource
from postwright.model.streams import RELAY
from postwright.services.parts import HostSecrets, SigningKey

_PACING = "mail_fleet.pacing"


def keyring_of(project: Project) -> Keyring:
    """The project's keyring."""
    return Keyring(project.path(project.fleet.keys.directory))


def certificate_digests(project: Project) -> dict[str, str]:
    """Host name → SHA-256 of its certificate's public key in hexadecimal, as TLSA 3 1 1 has it (RFC 7671 §5.1).

    Of hosts that take mail, if the fleet publishes TLSA at all. UsageError with every file that holds no certificate.
    """
    hosts = [host for host in project.fleet.hosts if project.fleet.tlsa and "mx" in host.roles]
    paths = {host.name: project.path(host.tls.certificate) for host in hosts}
    found, problems = {}, []
    for name, path in paths.items():
        try:
            found[name] = certificates.key_digest(certificates.first_of(path))
        except (ValueError, OSError) as error:
            problems.append(f"{path}: not a PEM certificate ({error}); put the full chain there, the host's own first")
    if problems:
        raise UsageError("\n".join(dict.fromkeys(problems)))
    return found


def passphrase_of(project: Project) -> str:
    """The keyring's passphrase; UsageError if it cannot be read or is too weak."""
    source = project.fleet.keys.passphrase
    return require_strength(secret.read(source, project.base, "mail_fleet.keys.passphrase"), str(source))


def host_secrets(project: Project, host: Host, passphrase: str, held: Iterable[Held]) -> HostSecrets:
    """Everything private that one host gets; a key that is only planned has no private half yet."""
    pairs = [(it, _signing_key(project, it, passphrase)) for it in held]
    return HostSecrets(
        signing_keys=tuple(key for it, key in pairs if it.signs),
        kept_keys=tuple(key for it, key in pairs if not it.signs),
        certificate=content(project.path(host.tls.certificate)),
        private_key=_tls_key(project, host, passphrase),
        password_hashes=_password_hashes(project),
        relay_passwords=_relay_passwords(project) if project.fleet.paces(host) else {},
    )


def _relays(project: Project) -> Iterator[tuple[str, str, SecretSource]]:
    """Name, key path and password of each relay that has one."""
    for name, relay in (project.fleet.pacing.all_relays if project.fleet.pacing else {}).items():
        place = f"{_PACING}.{RELAY}" if name == RELAY else f"{_PACING}.relays.{name}"
        if relay.password:
            yield name, f"{place}.password", relay.password


def _relay_passwords(project: Project) -> dict[str, str]:
    return {name: _relay_password(project, place, source) for name, place, source in _relays(project)}


def _relay_password(project: Project, place: str, source: SecretSource) -> str:
    """UsageError if Postfix's table could not hold it."""
    value = secret.read(source, project.base, place)
    if not value.isprintable() or value != value.strip():
        raise UsageError(
            f"{place}: {source} begins or ends with blanks, or has several lines; put the password alone there"
        )
    return value


def _signing_key(project: Project, held: Held, passphrase: str) -> SigningKey:
    keyring = keyring_of(project)
    found = next((key for key in reversed(keyring.keys(held.domain)) if key.selector == held.selector), None)
    pem = plain(keyring.private_key(held.domain, found, passphrase)) if found else b""
    return SigningKey(held.domain, held.selector, pem, held.algorithm)


def _tls_key(project: Project, host: Host, passphrase: str) -> bytes:
    return plain(load_private_key(project.path(host.tls.key), passphrase))


def _password_hashes(project: Project) -> dict[str, str]:
    return {
        login.login: content(project.path(login.password_hash)).decode(errors="replace").strip()
        for login in project.fleet.logins
    }


def require_valid(project: Project) -> None:
    """UsageError with every problem of the files the inventory names; nothing is connected to.

    Secrets in variables and in the system's keyring are left for the command that needs them.
    """
    found = [problem for host in project.fleet.hosts for problem in _certificate_problems(project, host)]
    found += [
        problem for login in project.fleet.logins for problem in _hash_problems(project.path(login.password_hash))
    ]
    found += _secret_problems(project)
    if found:
        listed = list(dict.fromkeys(found))
        count = f"{len(listed)} problem{'' if len(listed) == 1 else 's'}"
        lines = "\n".join(f"  - {problem}" for problem in listed)
        raise UsageError(f"{project.inventory}: {count} in files it names\n{lines}")


def notes(project: Project) -> list[str]:
    """What is valid but not fit for production yet."""
    paths = {host.name: project.path(host.tls.certificate) for host in project.fleet.hosts}
    signed = [
        f"{path}: self-signed; clients of {name} will refuse it, get one from an authority"
        for name, path in paths.items()
        if certificates.is_self_signed(path)
    ]
    return [*signed, *(note for host in project.fleet.hosts for note in _idle_addresses(project, host))]


def _idle_addresses(project: Project, host: Host) -> Iterator[str]:
    """Addresses that nothing leaves from: without pacing only the first of each IP version sends."""
    sending = (host.first(4), host.first(6))
    idle = [str(it.ip) for it in host.addresses if it not in sending and not project.fleet.paces(host)]
    if idle:
        yield (
            f"host {host.name}: nothing leaves from {', '.join(idle)}: without mail_fleet.pacing only the first address of each IP "
            "version sends"
        )


def _certificate_problems(project: Project, host: Host) -> Iterator[str]:
    certificate, key = project.path(host.tls.certificate), project.path(host.tls.key)
    return certificates.problems(certificate, key, host.fqdn, lambda: passphrase_of(project))


def _hash_problems(path: Path) -> Iterator[str]:
    yield from certificates.readable_by_others(path)
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        value = ""
    if not value.startswith(("$5$", "$6$", "$y$", "$2b$", "$2y$", "{")) or {"\n", ":"} & set(value):
        yield f"{path}: not a password hash; make one with: openssl passwd -6 > {path}"


def _secret_problems(project: Project) -> Iterator[str]:
    for purpose, source in _secrets(project):
        if source.file:
            try:
                value = secret.read(source, project.base, purpose)
                if source == project.fleet.keys.passphrase:
                    require_strength(value, str(source))
            except UsageError as error:
                yield str(error)


def _secrets(project: Project) -> Iterator[tuple[str, SecretSource]]:
    fleet = project.fleet
    yield "mail_fleet.keys.passphrase", fleet.keys.passphrase
    for name, provider in fleet.providers.items():
        for key, source in provider.secrets.items():
            yield f"mail_fleet.providers.{name}.{key}", source
    yield from ((place, source) for _, place, source in _relays(project))
    if fleet.probe:
        yield "mail_fleet.probe.password", fleet.probe.password
