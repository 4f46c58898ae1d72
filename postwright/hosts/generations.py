"""The states of its files that a host keeps: what it is told to keep, and one of them as what the host is to have. Pure.

Promise: what is restored needs neither the inventory nor the keyring of today; and no secret leaves the host for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from postwright.brought_back import Kept
from postwright.hosts.plan import service_request
from postwright.keys.signing import Held
from postwright.services import SERVICES, ssh, tls
from postwright.services.bundle import WITHOUT_STAMP, Activation, Bundle, drop_in, manifest, unit_file
from postwright.services.opendkim import ED25519, RSA
from postwright.services.parts import Check, HostDirectory, HostFile, Release, Service

PRIVATE = (f"{RSA.keys}/", f"{ED25519.keys}/")  # keys below them leave kept states as well when they leave the host
UNITS = "/etc/systemd/system/"
# Their units are ours, and write no stamp.
_OWN_UNITS = {*WITHOUT_STAMP, *(service.name for service in SERVICES if service.tried)}
_TLS = f"{tls.CERTIFICATE.rpartition('/')[0]}/"
_DROP_IN = ".d/postwright-stamp.conf"


@dataclass(frozen=True)
class KeptFile(HostFile):
    """A file as a state of its host has it; what is put back is the copy there. ``content``: what may be shown of it."""

    digest: str = ""
    number: int = 0

    @property
    def sha256(self) -> str:
        return self.digest

    __repr__ = HostFile.__repr__


def check_request(service: str, check: Check) -> dict[str, Any]:
    """A service's own check as the scripts of ``remote/`` want it described."""
    return {"service": service, "command": check.command, "silent": check.silent}


def keep_request(bundle: Bundle) -> dict[str, Any]:
    """All that ``rollback`` will need to know of this state, and of the one before where no note of it was made.

    ``restores``: the number of a state that is put back, which is not kept anew; 0 for one that an apply makes.
    """
    known = {it.name: it for it in (*bundle.activations, *bundle.retired)}
    ordered = [known[service.name] for service in SERVICES if service.name in known]
    return {
        "generations": bundle.generations,
        "restores": next((it.number for it in bundle.files if isinstance(it, KeptFile)), 0),
        "packages": bundle.packages,
        "directories": [asdict(it) for it in bundle.directories],
        "files": [{"path": it.path, "secret": it.secret, "replace_link": it.replace_link} for it in bundle.files[:-1]],
        "checks": [check_request(service, check) for service, check in bundle.checks],
        "activations": [_activation_request(it) for it in bundle.activations],
        "known": [{**_activation_request(it), "drop_in": _evidence(it)} for it in ordered],
        "all_checks": [check_request(service.name, check) for service in SERVICES for check in service.checks],
    }


def _activation_request(activation: Activation) -> dict[str, Any]:
    return {**service_request(activation), "title": activation.title, "tried": activation.tried}


def _evidence(activation: Activation) -> str:
    """The file by which a host tells that we have set up this service there."""
    return f"{UNITS}{activation.unit}" if activation.name in _OWN_UNITS else drop_in(activation)


def restored(host: str, kept: Mapping[str, Any], release: Release) -> Bundle:
    """A state that is kept, as what its host is to have."""
    files = tuple(_file(item, kept) for item in kept["files"])
    gone = set(kept["managed"]) - {it.path for it in files}
    activations = (*(_activation(it) for it in kept["activations"]), *_taken_back(gone, release))
    retired = tuple(_retired(gone, release))
    names = {it.name for it in activations}
    return Bundle(
        host,
        tuple(kept["packages"]),
        tuple(HostDirectory(**it) for it in kept["directories"]),
        (*files, manifest(it.path for it in files)),
        tuple((it["service"], Check(it["command"], it["silent"])) for it in kept["checks"]),
        activations,
        retired,
        (*(path for service in SERVICES for path in service.lasting), *map(drop_in, retired), *map(unit_file, retired)),
        tuple(path for service in SERVICES if service.name in names for path in service.kept),
    )


def _file(item: Mapping[str, Any], kept: Mapping[str, Any]) -> KeptFile:
    content = kept["texts"].get(item["path"], "").encode()
    return KeptFile(
        item["path"],
        content,
        item["mode"],
        item["owner"],
        item["group"],
        secret=item["secret"],
        replace_link=item["replace_link"],
        digest=item["sha256"],
        number=kept["number"],
    )


def signed_with(kept: Mapping[str, Any]) -> tuple[Held, ...]:
    """The keys a state signs with, as its signers' tables name them."""
    found = []
    for signer in (RSA, ED25519):
        lines = kept["texts"].get(f"{signer.keys}/KeyTable", "").splitlines()
        entries = (line.split(None, 1)[-1].split(":", 2) for line in lines if line.strip() and not line.startswith("#"))
        found += [Held(it[0], it[1], signer.algorithm, signs=True) for it in entries]
    return tuple(found)


def kept_tls(kept: Mapping[str, Any]) -> Kept:
    """The certificates of a state, and the public halves of its TLS keys."""
    return Kept({path: text for path, text in kept["texts"].items() if path.startswith(_TLS)}, kept["public"])


def _activation(said: Mapping[str, Any]) -> Activation:
    stamped, reloaded = tuple(said["stamped"]), tuple(said["reloaded"])
    return Activation(
        said["name"],
        said["title"],
        said["unit"],
        stamped,
        said["ready"],
        reloaded,
        said["milter"],
        tried=said["tried"],
        holds=said["holds"],
    )


def _taken_back(gone: set[str], release: Release) -> Iterator[Activation]:
    """SSH, where that state has nothing to say of it: what sshd reads of ours is no file of the list, and goes by a trial."""
    unit = _unit(ssh.SERVICE, release)
    if f"{UNITS}{unit}" in gone:
        yield Activation(ssh.SERVICE.name, ssh.SERVICE.title, unit, (), "true", tried=True)


def _retired(gone: set[str], release: Release) -> Iterator[Activation]:
    """Services that run by our doing now and are not part of that state. ``gone``: files of ours that it does not have."""
    services = {_unit(service, release): service for service in SERVICES if service.unit}
    marks = {f"{UNITS}{unit}": unit for unit, it in services.items() if it.name in _OWN_UNITS - {ssh.SERVICE.name}}
    for path in sorted(gone):
        unit = path.removeprefix(UNITS).removesuffix(_DROP_IN) if path.endswith(_DROP_IN) else marks.get(path)
        if unit:
            service = services.get(unit)
            yield Activation(service.name if service else unit, service.title if service else unit, unit, (), "true")


def _unit(service: Service, release: Release) -> str:
    if service.unit is None:
        raise AssertionError(service.name)
    return service.unit(release)
