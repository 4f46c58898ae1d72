"""OpenDKIM: signs everything a host sends for its domains, with keys only it can read.

A process of it signs with one algorithm: under another one an RSA key makes garbage, silently. So Ed25519 keys get a
process of their own beside that for RSA keys, only on a host that has such keys, and neither process sees keys of
the other.

A rotation is atomic and loses no message. Keys come into place before the tables that name them. SigningTable names a
key by its domain and KeyTable alone says which selector that is, so a domain moves to another key by the rename of
KeyTable and a reload. Keys are read anew for each message. A session with Postfix that was open before the reload
signs with the previous tables to its end; without its key, which is removed last, it is told to try again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from postwright.keys.key import Algorithm
from postwright.render import template
from postwright.services import submission
from postwright.services.parts import Check, Context, HostDirectory, HostFile, Service, SigningKey, TakenUp, always

KEYS = "/etc/postwright/dkim"
FROM_POLICY = "/etc/postwright/from.lua"
UNSIGNED_FROM_POLICY = "/etc/postwright/from-unsigned.lua"


@dataclass(frozen=True)
class Signer:
    """A process of OpenDKIM: the one algorithm it signs with, and all that tells it from the other."""

    algorithm: Algorithm
    name: str
    keys: str
    socket: str

    @property
    def configuration(self) -> str:
        return f"/etc/{self.name}.conf"

    @property
    def unit(self) -> str:
        return f"{self.name}.service"

    @property
    def milter(self) -> str:
        """As Postfix names it, from its chroot."""
        return f"unix:opendkim/{self.socket}"

    @property
    def socket_path(self) -> str:
        return f"/var/spool/postfix/opendkim/{self.socket}"

    def of(self, keys: Iterable[SigningKey]) -> list[SigningKey]:
        """Those it signs with, in an order that is always the same."""
        return sorted((key for key in keys if key.algorithm == self.algorithm), key=lambda it: (it.domain, it.selector))


RSA = Signer("rsa", "opendkim", KEYS, "opendkim.sock")
ED25519 = Signer("ed25519", "opendkim-ed25519", f"{KEYS}-ed25519", "ed25519.sock")


def milters(context: Context) -> list[str]:
    """The signers Postfix is to ask, in this order."""
    return [RSA.milter, ED25519.milter] if _has_ed25519(context) else [RSA.milter]


def _has_ed25519(context: Context) -> bool:
    return bool(ED25519.of(context.secrets.signing_keys))


def key_path(signer: Signer, key: SigningKey) -> str:
    return f"{signer.keys}/{key.domain}/{key.selector}.pem"


def _files(signer: Signer, context: Context) -> tuple[HostFile, ...]:
    """Keys first, then what names them."""
    keys = signer.of(context.secrets.signing_keys)
    pems = {key_path(signer, key): key for key in [*signer.of(context.secrets.kept_keys), *keys]}
    return (
        *(_owned(path, key.pem, "use", secret=True) for path, key in sorted(pems.items())),
        _configuration(signer, context),
        *_policy(signer, context),
        *_unit_files(signer, context),
        *(_owned(f"{signer.keys}/{name}", text, "reload") for name, text in _tables(signer, context, keys).items()),
    )


def _configuration(signer: Signer, context: Context) -> HostFile:
    policy = FROM_POLICY if _has_policy(signer, context) else ""
    certificates = submission.wanted(context) and any(it.certificates for it in context.fleet.logins)
    values = {"signer": signer, "policy": policy, "unsigned_policy": UNSIGNED_FROM_POLICY, "certificates": certificates}
    return HostFile(signer.configuration, template("opendkim/opendkim.conf.j2", context, **values))


def _has_policy(signer: Signer, context: Context) -> bool:
    """The first signer refuses what is not to be signed at all; the second is asked after it."""
    return signer is RSA and submission.wanted(context) and context.fleet.from_header != "any"


def _policy(signer: Signer, context: Context) -> tuple[HostFile, ...]:
    if not _has_policy(signer, context):
        return ()
    said = {"senders": submission.SENDERS, "signing": f"{signer.keys}/SigningTable"}
    made = {FROM_POLICY: "from.lua.j2", UNSIGNED_FROM_POLICY: "from_unsigned.lua.j2"}
    return tuple(HostFile(path, template(f"opendkim/{name}", context, **said)) for path, name in made.items())


def _owned(path: str, content: bytes, taken_up: TakenUp, *, secret: bool = False) -> HostFile:
    """A file that OpenDKIM reads after it has given up root: at a reload, or for a message."""
    mode = 0o600 if secret else 0o640
    return HostFile(path, content, mode, "opendkim", "opendkim", secret=secret, taken_up=taken_up)


def _unit_files(signer: Signer, context: Context) -> list[HostFile]:
    """Debian brings the unit of the first signer."""
    drop_in = f"/etc/systemd/system/{signer.unit}.d/postwright-socket.conf"
    made = [HostFile(drop_in, template("opendkim/socket.conf.j2", context))]
    if signer is not RSA:
        unit = template("opendkim/unit.service.j2", context, signer=signer)
        made.insert(0, HostFile(f"/etc/systemd/system/{signer.unit}", unit))
    return made


def _tables(signer: Signer, context: Context, keys: list[SigningKey]) -> dict[str, bytes]:
    """KeyTable first: no table may name a key that is not there yet."""
    values = {
        "keys": [(key.domain, key.selector, key_path(signer, key)) for key in keys],
        "helo_names": _helo_names(context, keys),
    }
    names = ("KeyTable", "SigningTable", "TrustedHosts")
    return {name: template(f"opendkim/{name}.j2", context, **values) for name in names}


def _helo_names(context: Context, keys: list[SigningKey]) -> list[tuple[str, str]]:
    """HELO names with the domain that signs for them: bounces come from MAILER-DAEMON@host and must align too."""
    names = sorted({address.helo for address in context.host.addresses})
    domains = sorted((key.domain for key in keys), key=len, reverse=True)
    signers = ((name, next((d for d in domains if name.endswith("." + d)), None)) for name in names)
    return [(name, domain) for name, domain in signers if domain and name not in domains]


def _directories(signer: Signer, context: Context) -> tuple[HostDirectory, ...]:
    keys = signer.of([*context.secrets.signing_keys, *context.secrets.kept_keys])
    return (
        HostDirectory(signer.keys, 0o750, "root", "opendkim"),
        *(HostDirectory(f"{signer.keys}/{d}", 0o700, "opendkim", "opendkim") for d in sorted({k.domain for k in keys})),
    )


def _service(signer: Signer, title: str, lasting: tuple[str, ...], wanted: Callable[[Context], bool]) -> Service:
    return Service(
        name=signer.name,
        title=title,
        packages=("opendkim",),
        files=partial(_files, signer),
        directories=partial(_directories, signer),
        checks=(Check(f"opendkim -n -x {signer.configuration}"),),
        unit=lambda _release: signer.unit,
        ready=f"test -S {signer.socket_path}",
        milter=signer.socket_path,
        lasting=lasting,
        wanted=wanted,
    )


SERVICE = _service(RSA, "DKIM signer", (f"{RSA.keys}/",), always)
# All of the second lasts: Postfix asks this signer until it has been restarted without it.
_ALL = (f"{ED25519.keys}/", ED25519.configuration, f"/etc/systemd/system/{ED25519.unit}")
ED25519_SERVICE = _service(ED25519, "DKIM signer, Ed25519", _ALL, _has_ed25519)
