"""The secrets of one running lab: made by its first ``up``, gone with its ``down``.

Promise: each file is 0600 from the first byte, in a folder only root can enter, on a tmpfs.
"""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from postwright.lab import certificates
from postwright.lab.command import run
from postwright.lab.content import put_secret
from postwright.lab.layout import ACME_NAME, HOSTS, RECEIVER_NAME, SENDERS, SENDING_DOMAIN, SIGNED_ZONES, Layout


def fill(layout: Layout) -> None:
    """Make every secret of the lab, those of hosts not booted yet included."""
    vault = layout.vault
    vault.mkdir(mode=0o700)
    _ssh_keys(layout)
    _tls(vault)
    for zone in SIGNED_ZONES:
        put_secret(vault / f"zone-{zone}.pem", certificates.private_pem(certificates.new_key()))
    put_secret(vault / "passphrase", secrets.token_urlsafe(30))
    put_secret(vault / "tsig", base64.b64encode(secrets.token_bytes(32)))
    password = secrets.token_urlsafe(18)
    put_secret(vault / "password", password)
    put_secret(vault / "password_hash", run("openssl", "passwd", "-6", "-stdin", stdin=password).stdout.strip())


def _ssh_keys(layout: Layout) -> None:
    _ssh_key(layout.vault / "ssh_key", f"postwright-{layout.name}")
    lines = []
    for host in HOSTS:
        public = _ssh_key(layout.vault / f"host-{host}", host)
        lines.append(f"{','.join((host, *layout.addresses(host)))} {public}\n")
    put_secret(layout.vault / "known_hosts", "".join(lines))


def _ssh_key(path: Path, comment: str) -> str:
    key = Ed25519PrivateKey.generate()
    openssh, nothing = serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    put_secret(path, key.private_bytes(serialization.Encoding.PEM, openssh, nothing))
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    public = key.public_key().public_bytes(encoding, form).decode()
    put_secret(path.with_suffix(".pub"), f"{public} {comment}\n")
    return public


def _tls(vault: Path) -> None:
    ca = certificates.authority()
    put_secret(vault / "ca.pem", ca.certificate_pem)
    names = {"receiver": RECEIVER_NAME, "acme": ACME_NAME} | {host: f"{host}.{SENDING_DOMAIN}" for host in SENDERS}
    for host, name in names.items():
        issued = certificates.issue(ca, name)
        put_secret(vault / f"{host}.pem", issued.certificate_pem)
        put_secret(vault / f"{host}.key", issued.key_pem)
