"""What a running lab tells its operator: one document, and the files it names.

Promise: ``load`` needs no root where the lab was started from the same directory. Files with secrets are 0600 from the
first byte, in a folder of 0700, and belong to whoever called sudo.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from postwright.errors import LabError
from postwright.lab import network
from postwright.lab.content import put, put_secret
from postwright.lab.layout import ACME_NAME, ACME_PORT, RECEIVING_DOMAIN, SENDERS, SENDING_DOMAIN, Layout
from postwright.lab.zones import trust_anchor

_COPIED = (
    *("ssh_key", "ssh_key.pub", "known_hosts", "tsig", "ca.pem", "passphrase", "password", "password_hash"),
    *(f"{host}.{kind}" for host in SENDERS for kind in ("pem", "key")),
)
_NOT_UP = "the lab is not up: run `postwright lab up`"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Host(_Value):
    ipv4: str
    ipv6: str
    ssh_port: int = 22


class Tsig(_Value):
    name: str
    algorithm: str
    secret_file: Path


class Tls(_Value):
    certificate: Path
    key: Path


class Submission(_Value):
    login: str
    password_file: Path
    password_hash_file: Path


class Lab(_Value):
    """A running lab, as ``lab.json`` has it; paths are absolute."""

    name: str
    number: int
    v4: str
    v6: str
    hosts: dict[str, Host]
    ssh_key: Path
    known_hosts: Path
    tsig: Tsig
    nameserver: str
    resolver: tuple[str, str]
    trust_anchor: str
    ca_certificate: Path
    acme_directory: str
    tls: dict[str, Tls]
    submission: Submission
    passphrase_file: Path
    recipient: str

    @property
    def reverse_zones(self) -> tuple[str, str]:
        """The zones of the lab's IPv4 and IPv6 addresses; updates to them are taken."""
        layout = Layout.named(self.name)
        return layout.v4_reverse_zone, layout.v6_reverse_zone


def load(name: str | None = None) -> Lab:
    """The running lab of this name."""
    layout = Layout.named(name)
    if not network.exists(layout):
        raise LabError(f"lab {layout.name}: {_NOT_UP}")
    for directory in (here(layout), *_published(layout)):
        file = directory / "lab.json"
        if file.exists():
            return Lab.model_validate_json(file.read_text())
    raise LabError(f"lab {layout.name}: it runs, but was started elsewhere; run `postwright lab up` here, as root")


def here(layout: Layout) -> Path:
    return Path.cwd() / ".lab" / layout.name


def describe(layout: Layout, hosts: list[str], directory: Path) -> Lab:
    """The document, with files in this directory."""
    addresses = {host: layout.addresses(host) for host in hosts}
    return Lab(
        name=layout.name,
        number=layout.number,
        v4=layout.v4_prefix,
        v6=layout.v6_prefix,
        hosts={host: Host(ipv4=v4, ipv6=v6) for host, (v4, v6) in addresses.items()},
        ssh_key=directory / "ssh_key",
        known_hosts=directory / "known_hosts",
        tsig=Tsig(name="postwright", algorithm="hmac-sha256", secret_file=directory / "tsig"),
        nameserver=layout.addresses("ns")[0],
        resolver=layout.resolvers,
        trust_anchor=trust_anchor((layout.vault / "zone-test.pem").read_bytes()),
        ca_certificate=directory / "ca.pem",
        acme_directory=f"https://{ACME_NAME}:{ACME_PORT}/dir",
        tls={host: Tls(certificate=directory / f"{host}.pem", key=directory / f"{host}.key") for host in SENDERS},
        submission=Submission(
            login=f"app@{SENDING_DOMAIN}",
            password_file=directory / "password",
            password_hash_file=directory / "password_hash",
        ),
        passphrase_file=directory / "passphrase",
        recipient=f"probe@{RECEIVING_DOMAIN}",
    )


def publish(layout: Layout, hosts: list[str]) -> Lab:
    """Write ``.lab/NAME/`` in the current directory, and remember that it is there."""
    directory = here(layout)
    _remember(layout, directory)
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    lab = describe(layout, hosts, directory)
    contents = {name: (layout.vault / name).read_bytes() for name in _COPIED}
    for name, content in (contents | {"lab.json": f"{lab.model_dump_json(indent=2)}\n".encode()}).items():
        if not _is(directory / name, content):
            put_secret(directory / name, content)
    _give_to_caller_of_sudo(directory)
    return lab


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def withdraw(layout: Layout) -> None:
    """Remove what ``publish`` wrote, wherever it did."""
    for directory in {here(layout), *_published(layout)}:
        shutil.rmtree(directory, ignore_errors=True)
        if directory.parent.is_dir() and not any(directory.parent.iterdir()):
            directory.parent.rmdir()


def _registry(layout: Layout) -> Path:
    return layout.directory / "published.json"


def _published(layout: Layout) -> list[Path]:
    try:
        return [Path(entry) for entry in json.loads(_registry(layout).read_text())]
    except OSError:
        return []


def _remember(layout: Layout, directory: Path) -> None:
    known = {str(entry) for entry in _published(layout)} | {str(directory)}
    put(_registry(layout), json.dumps(sorted(known)), mode=0o600)


def _give_to_caller_of_sudo(directory: Path) -> None:
    user, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if user is None or group is None:
        return
    for path in (directory.parent, directory, *directory.iterdir()):
        os.chown(path, int(user), int(group))
