"""The types services are written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from postwright.model import Fleet, Host

Release = Literal["12", "13"]
TakenUp = Literal["start", "reload", "use"]


@dataclass(frozen=True)
class HostFile:
    """A file of a host: absolute path under /etc, content, permissions. ``secret`` content is never shown.

    ``taken_up`` says when its service reads it: at its start, at a reload as well, or each time it uses it.
    """

    path: str
    content: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    secret: bool = False
    replace_link: bool = False
    taken_up: TakenUp = "start"

    @property
    def sha256(self) -> str:
        """The digest of its content in hexadecimal."""
        return sha256(self.content).hexdigest()

    def __repr__(self) -> str:
        size = len(self.content)
        return f"HostFile({self.path!r}, {size} octets, mode={self.mode:04o}, {self.owner}:{self.group})"


@dataclass(frozen=True)
class HostDirectory:
    """A directory of a host that is not there with the right permissions by itself."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"


@dataclass(frozen=True)
class SigningKey:
    """The key a host signs a domain with: unencrypted PKCS#8 PEM, for OpenDKIM alone. ``algorithm``: rsa or ed25519."""

    domain: str
    selector: str
    pem: bytes = field(repr=False)
    algorithm: str = "rsa"


@dataclass(frozen=True)
class PolicyCertificate:
    """The certificate of a name an MTA-STS policy is fetched from, and its key; both PEM."""

    certificate: bytes
    private_key: bytes = field(repr=False)


@dataclass(frozen=True)
class HostSecrets:
    """What rendering a host needs besides the fleet; read from keyring and files by ``material``.

    ``kept_keys`` lie on the host and are in no table: a return to one of them needs no transfer of a key.
    ``previous_hashes`` count beside ``password_hashes`` for a while; ``password_notes`` say in clear how old each is.
    ``policy_certificates``: domain → that of its policy's name, where it has one of its own.
    """

    signing_keys: tuple[SigningKey, ...] = ()
    certificate: bytes = b""
    private_key: bytes = field(default=b"", repr=False)
    password_hashes: Mapping[str, str] = field(default_factory=dict, repr=False)
    previous_hashes: Mapping[str, str] = field(default_factory=dict, repr=False)
    password_notes: Mapping[str, str] = field(default_factory=dict)
    kept_keys: tuple[SigningKey, ...] = ()
    acme_authority: bytes = b""
    acme_secret: str = field(default="", repr=False)
    mailbox_hashes: Mapping[str, str] = field(default_factory=dict, repr=False)
    policy_certificates: Mapping[str, PolicyCertificate] = field(default_factory=dict)
    relay_passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    management_key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Context:
    """All a template sees: the fleet, this host of it, its Debian release, its secrets; whether it is ``drained``.

    ``memory`` in MiB. Of a host that is not known yet ``cores`` and ``memory`` are 0, and nothing is said of them.
    """

    fleet: Fleet
    host: Host
    release: Release
    secrets: HostSecrets
    drained: bool = False
    cores: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Check:
    """A program's own validation. ``silent``: any output at all is a refusal, whatever the exit status."""

    command: str
    silent: bool = False


def sound_units(*paths: str) -> Check:
    """That systemd understands these units of ours, whatever it thinks of those they name."""
    return Check(f"systemd-analyze verify --recursive-errors=no --man=no {' '.join(paths)}")


def nothing(_context: Context) -> tuple[()]:
    return ()


def always(_context: Context) -> bool:
    return True


@dataclass(frozen=True)
class Service:
    """One service of a mail host.

    ``unit`` None means files only; else the unit (per release where they differ) runs what its files say: the digest
    of those it read is the stamp that restarts and reloads are decided from. ``ready`` is a shell command that
    succeeds when the service answers. ``milter`` is the socket of a milter that reloads some of its files, which it
    does when it is next connected to. ``lasting`` are the beginnings of paths that are removed last, for the service,
    or who speaks to it, may need them until then. ``kept`` are files the service writes itself: whoever had put them there
    before, they are not removed. ``tried``: what it takes up could lock the operator out, so the host takes it back by
    itself unless a new SSH connection gets through (``remote/trial.py``). ``holds`` is a shell command that fails if what
    the service has done is no longer in effect, though it runs what is on disk.
    """

    name: str
    title: str
    packages: tuple[str, ...] = ()
    files: Callable[[Context], tuple[HostFile, ...]] = nothing
    directories: Callable[[Context], tuple[HostDirectory, ...]] = nothing
    checks: tuple[Check, ...] = ()
    unit: Callable[[Release], str] | None = None
    uses: tuple[str, ...] = ()
    ready: str = "true"
    milter: str = ""
    lasting: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    wanted: Callable[[Context], bool] = always
    tried: bool = False
    holds: str = ""
