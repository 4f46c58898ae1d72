"""DKIM keys: what hosts sign with is what DNS shows, and what is no longer signed with goes its way."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import timedelta

import testinfra.host

from postwright import clock, material
from postwright.checks.answers import last_line
from postwright.checks.unknown import UnknownError
from postwright.inventory import Project
from postwright.keys.key import SIGNING, VALID, record_name
from postwright.model import Domain, Host
from postwright.rotation.living import living
from postwright.rotation.proving import joined_text
from postwright.services.opendkim import ED25519, RSA
from postwright.values import duration

On = Callable[[Host], testinfra.host.Host]

_OVERDUE = timedelta(days=7)  # an apply that runs from cron takes each step within hours
_RAW_ED25519 = 44  # octets of its SubjectPublicKeyInfo; the last 32 are the key
# Of each private key on the host: its path, and its public half in DER as base64.
_PUBLIC = (
    f"for file in {RSA.keys}/*/*.pem {ED25519.keys}/*/*.pem; do "
    '[ -e "$file" ] || continue; printf "%s " "$file"; openssl pkey -in "$file" -pubout -outform DER | base64 -w0; echo; '
    "done"
)


def test_dkim_key_is_published(domain: Domain, project: Project) -> None:
    """Every key that mail is or was lately signed with is the one DNS shows, not in test mode, RSA of at least 2048 bits."""
    keys = [key for key in material.keyring_of(project).keys(domain.name) if key.state in VALID]
    assert any(key.state == "active" for key in keys), "no active key"
    for key in keys:
        tags = _key_tags(project, record_name(key.selector, domain.name))
        assert tags.get("p") == key.p, f"the key of {key.selector} in DNS is another one"
        assert "y" not in tags.get("t", ""), f"{key.selector} is in test mode (t=y)"
        short = key.algorithm == "rsa" and key.bits < 2048 and key.state != "retiring"  # what is on its way out may be
        assert not short, f"{key.selector} has {key.bits} bits"


def test_revoked_keys_are_revoked(domain: Domain, project: Project) -> None:
    """A selector whose key was revoked answers with an empty p= until it is deleted."""
    for key in material.keyring_of(project).keys(domain.name):
        if key.state == "revoked":
            tags = _key_tags(project, record_name(key.selector, domain.name))
            assert tags.get("p") == "", f"{key.selector} still has a key in DNS"


def _key_tags(project: Project, name: str) -> dict[str, str]:
    text = (joined_text(project, name) or b"").decode()
    assert text, f"there is not exactly one TXT at {name}"
    return dict(tag.strip().split("=", 1) for tag in text.split(";") if "=" in tag)


def test_private_keys_on_the_host_are_those_in_dns(mail_host: Host, project: Project, on: On) -> None:
    """Every private key on the host is the private half of what the keyring, and so DNS, has under its selector."""
    known = {(domain, key.selector): key.p for domain, keys in living(project).items() for key in keys}
    shown = on(mail_host).run(_PUBLIC)
    if shown.rc:
        raise UnknownError(f"host {mail_host.name}: its keys cannot be read: {last_line(shown.stderr)}")
    lines = [line.split() for line in shown.stdout.splitlines()]
    wrong = [path for path, der in lines if _public_text(der) != known.get(_owner(path))]

    assert lines, "it has no private key"
    assert not wrong, f"{', '.join(wrong)}: another key than the keyring has under that name"


def _owner(path: str) -> tuple[str, str]:
    """The domain and selector of a key's file."""
    *_, domain, name = path.split("/")
    return domain, name.removesuffix(".pem")


def _public_text(der: str) -> str:
    octets = b64decode(der)
    return b64encode(octets[-32:]).decode() if len(octets) == _RAW_ED25519 else der


def test_rotation_is_not_overdue(rotated: Domain, project: Project) -> None:
    """No key signs for longer than the inventory says."""
    late = clock.now() - duration(project.fleet.keys.rotate_every or "0d") - _OVERDUE
    old = [key.selector for key in living(project)[rotated.name] if key.state in SIGNING and key.since < late]

    assert not old, f"{', '.join(old)} should have been replaced; does `postwright apply` run regularly?"
