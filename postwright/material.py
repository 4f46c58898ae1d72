"""Reads what the rendering of hosts needs from the operator's disk: certificates, keys, password hashes.

Private parts are kept in memory only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from postwright import certificates, clock, forwarding, material_policies, secret
from postwright.dns.kinds import tlsa
from postwright.dns.kinds.caa import unadmitted_issuer
from postwright.errors import UsageError
from postwright.files import content
from postwright.inventory import Project
from postwright.keys import management, tls
from postwright.keys.keyring import Keyring
from postwright.keys.private import load_private_key, plain, require_strength
from postwright.keys.signing import Held
from postwright.mailboxes import held_by
from postwright.model import Fleet, Host, SecretSource
from postwright.model.streams import RELAY
from postwright.services.parts import HostSecrets, SigningKey
from postwright.users.store import Store
from postwright.users.store import read as read_store

_PACING = "mail_fleet.pacing"


def keyring_of(project: Project) -> Keyring:
    """The project's keyring."""
    return Keyring(project.path(project.fleet.keys.directory))


def certificate_digests(project: Project) -> dict[str, str]:
    """Host name → SHA-256 of its certificate's public key in hexadecimal, as TLSA 3 1 1 has it (RFC 7671 §5.1).

    Of hosts that take mail, if the fleet publishes TLSA at all; ``tlsa.FORESEEN`` where an apply has yet to make the key.
    UsageError with every file that holds no certificate.
    """
    hosts = [host for host in project.fleet.hosts if project.fleet.tlsa and "mx" in host.roles]
    paths = {host.name: project.path(host.tls_files.certificate) for host in hosts if host.tls_files}
    keyring = keyring_of(project).directory
    found = {it.name: tls.digest(keyring, it.name) or tlsa.FORESEEN for it in hosts if it.tls_files is None}
    problems = []
    for name, path in paths.items():
        try:
            found[name] = certificates.key_digest(certificates.first_of(path))
        except (ValueError, OSError) as error:
            problems.append(f"{path}: not a PEM certificate ({error}); put the full chain there, the host's own first")
    if problems:
        raise UsageError("\n".join(dict.fromkeys(problems)))
    return found


def hosts_without_key(project: Project) -> list[Host]:
    """Hosts that are to get a certificate by ACME and have no TLS key yet."""
    directory = keyring_of(project).directory
    return [it for it in project.fleet.hosts if it.tls_files is None and not tls.is_made(directory, it.name)]


def notes_on_keys(project: Project) -> list[str]:
    """What to know of a plan that speaks of keys which are yet to be made."""
    hosts = hosts_without_key(project)
    return [f"host {it.name}: the apply makes its TLS key; zeros stand for its digest (TLSA)" for it in hosts]


def make_tls_keys(project: Project) -> None:
    """Make them."""
    for host in hosts_without_key(project):
        tls.make(keyring_of(project).directory, host.name, passphrase_of(project))


def passphrase_of(project: Project) -> str:
    """The keyring's passphrase; UsageError if it cannot be read or is too weak."""
    source = project.fleet.keys.passphrase
    return require_strength(secret.read(source, project.base, "mail_fleet.keys.passphrase"), str(source))


def host_secrets(project: Project, host: Host, passphrase: str, held: Iterable[Held]) -> HostSecrets:
    """Everything private that one host gets; a key that is only planned has no private half yet."""
    pairs = [(it, _signing_key(project, it, passphrase)) for it in held]
    hashes = stored_hashes(project, passphrase)
    return HostSecrets(
        signing_keys=tuple(key for it, key in pairs if it.signs),
        kept_keys=tuple(key for it, key in pairs if not it.signs),
        certificate=certificate_of(project, host),
        private_key=_tls_key(project, host, passphrase),
        password_hashes=_password_hashes(project) | {login: it[0] for login, it in hashes.items() if it},
        previous_hashes={login: it[1] for login, it in hashes.items() if it[1:]},
        password_notes=password_notes(project),
        relay_passwords=_relay_passwords(project) if project.fleet.paces(host) else {},
        acme_authority=acme_authority_of(project, host),
        acme_secret=_acme_secret(project, host),
        mailbox_hashes={it: _hash(project, box.password_hash) for it, box in held_by(project.fleet, host).items()},
        management_key=_management_key(project, host, passphrase),
        policy_certificates=material_policies.certificates_of(project, host, passphrase),
    )


def certificate_of(project: Project, host: Host) -> bytes:
    """The chain the host is to have; empty where it gets its own."""
    return content(project.path(host.tls_files.certificate)) if host.tls_files else b""


def acme_authority_of(project: Project, host: Host) -> bytes:
    """Who vouches for the ACME server, where that is nobody the system knows."""
    acme = project.fleet.acme_of(host)
    return content(project.path(acme.authority)) if acme and acme.authority else b""


def make_management_keys(project: Project) -> None:
    """Make the WireGuard keys of hosts that have a management address and no key yet."""
    hosts = [host.name for host in project.fleet.hosts if project.fleet.management and host.management]
    if any(not management.public_key(keyring_of(project).directory, host) for host in hosts):
        management.make(keyring_of(project).directory, hosts, passphrase_of(project))


def _management_key(project: Project, host: Host, passphrase: str) -> str:
    if project.fleet.management is None or host.management is None:
        return ""
    return management.private_key(keyring_of(project).directory, host.name, passphrase)


def _acme_secret(project: Project, host: Host) -> str:
    """The TSIG secret the host proves its names with, for dns-01."""
    acme = project.fleet.acme_of(host)
    if acme is None or acme.provider is None:
        return ""
    secrets = project.fleet.providers[acme.provider].secrets
    return secret.read(secrets["secret"], project.base, f"mail_fleet.providers.{acme.provider}.secret")


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
    """A key that is only planned has no content yet."""
    if host.tls_files:
        return plain(load_private_key(project.path(host.tls_files.key), passphrase))
    directory = keyring_of(project).directory
    return plain(tls.load(directory, host.name, passphrase)) if tls.is_made(directory, host.name) else b""


def _password_hashes(project: Project) -> dict[str, str]:
    """Of the inventory's own logins, from their files."""
    return {
        login.login: _hash(project, login.password_hash)
        for login in project.fleet.logins
        if login.password_hash and login.state == "active"
    }


def _hash(project: Project, path: Path) -> str:
    return content(project.path(path)).decode(errors="replace").strip()


def store_of(project: Project, *, new: bool = False) -> Store:
    """The project's user store; UsageError if the inventory names none, or it is not there, unless it may be ``new``."""
    if project.fleet.users is None:
        raise UsageError(
            f'{project.inventory}: mail_fleet.users is not there; name the file users are kept in: "users": "../users.json"'
        )
    return read_store(project.path(project.fleet.users), new=new)


def stored_hashes(project: Project, passphrase: str) -> dict[str, list[str]]:
    """Login → hashes that count now, of the users of the store."""
    return store_of(project).hashes(passphrase, clock.now()) if project.fleet.users else {}


def password_notes(project: Project) -> dict[str, str]:
    """Login → what may be said aloud of its password, of the users of the store."""
    users = store_of(project).users.values() if project.fleet.users else ()
    return {user.login: user.note(clock.now()) for user in users}


def require_valid(project: Project) -> None:
    """UsageError with every problem of the files the inventory names; nothing is connected to.

    Secrets in variables and in the system's keyring are left for the command that needs them.
    """
    found = [problem for host in project.fleet.hosts for problem in _certificate_problems(project, host)]
    hashes = [it.password_hash for it in project.fleet.logins if it.password_hash]
    hashes += [it.password_hash for it in project.fleet.mailboxes.values()]
    found += [problem for it in hashes for problem in _hash_problems(project.path(it))]
    found += material_policies.problems(project, lambda: passphrase_of(project))
    found += _secret_problems(project)
    found += _authority_problems(project)
    if found:
        listed = list(dict.fromkeys(found))
        count = f"{len(listed)} problem{'' if len(listed) == 1 else 's'}"
        lines = "\n".join(f"  - {problem}" for problem in listed)
        raise UsageError(f"{project.inventory}: {count} in files it names\n{lines}")


def notes(project: Project) -> list[str]:
    """What is valid but not fit for production yet."""
    files = {host.name: host.tls_files for host in project.fleet.hosts}
    paths = {name: project.path(it.certificate) for name, it in files.items() if it}
    self_signed = [
        f"{path}: self-signed; clients of {name} will refuse it, get one from an authority"
        for name, path in paths.items()
        if certificates.is_self_signed(path)
    ]
    idle = (note for host in project.fleet.hosts for note in _idle_addresses(project, host))
    fleet = project.fleet
    return [*_open_to_all(fleet), *self_signed, *unadmitted_issuer(fleet), *idle, *forwarding.notes(fleet)]


def _idle_addresses(project: Project, host: Host) -> Iterator[str]:
    """Addresses that nothing leaves from: without pacing only the first of each IP version sends."""
    sending = (host.first(4), host.first(6))
    idle = [str(it.ip) for it in host.addresses if it not in sending and not project.fleet.paces(host)]
    if idle:
        yield (
            f"host {host.name}: nothing leaves from {', '.join(idle)}: without mail_fleet.pacing only the first address of each IP "
            "version sends"
        )


def _open_to_all(fleet: Fleet) -> Iterator[str]:
    only = fleet.management is not None and fleet.management.only
    if not (fleet.firewall.ssh_from or only):
        yield "mail_fleet.firewall.ssh_from: empty, so anybody may try to log in by SSH; name the networks you come from"


def _certificate_problems(project: Project, host: Host) -> Iterator[str]:
    if host.tls_files is None:
        return iter(())
    certificate, key = project.path(host.tls_files.certificate), project.path(host.tls_files.key)
    return certificates.problems(certificate, key, host.fqdn, lambda: passphrase_of(project))


def _authority_problems(project: Project) -> Iterator[str]:
    if project.fleet.acme and project.fleet.acme.authority:
        yield from certificates.unreadable(project.path(project.fleet.acme.authority))


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
