"""Makes the first project of an operator: the example inventory with his names, and the secrets it speaks of."""

from __future__ import annotations

import base64
import re
import secrets
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from postwright import values
from postwright.errors import UsageError
from postwright.files import write_atomically

_DAYS = 90  # a start, not a certificate to live with
_INVENTORY = Path("inventories/production.py")


def create(directory: Path, domain: str, host: str, addresses: tuple[str, ...], postmaster: str | None) -> list[Path]:
    """Write the project below ``directory``; returns the files made. UsageError lists what is wrong or in the way."""
    problems: list[str] = []
    name = _checked(values.host_name, domain, "DOMAIN", problems)
    label = _checked(_host_label, host, "--host", problems)
    to = _checked(values.email_address, postmaster or "ops@example.net", "--postmaster", problems)
    if to.endswith(f"@{name}"):
        problems.append(
            f"--postmaster: {to} lies behind the hosts to be made, which have no mailboxes; name one elsewhere"
        )
    found = [_checked(lambda it: str(values.sending_address(it)), it, "--address", problems) for it in addresses]
    private = directory / "secrets"
    taken = [path for path in (directory / _INVENTORY, private) if path.exists()]
    problems += [f"{path} is there already; move it away, or work on with it" for path in taken]
    if problems:
        raise UsageError("\n".join(problems) + "\nnothing was written")
    files = {
        directory / _INVENTORY: _inventory(name, label, list(dict.fromkeys(found)), to),
        **_secret_files(private, f"{label}.{name}"),
    }
    _make_private(private)
    for path, content in files.items():
        write_atomically(path, content, 0o600 if path.parent == private else 0o644)
    return list(files)


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise UsageError(f"cannot make {directory}: {error.strerror}; nothing was written") from None


def _checked(rule: Callable[[str], str], value: str, place: str, problems: list[str]) -> str:
    try:
        return rule(value)
    except ValueError as error:
        problems.append(f"{place}: {error}")
        return value


def _host_label(value: str) -> str:
    """The first label of the host's name, which is its name in the inventory as well."""
    return values.host_name(f"{value}.example").removesuffix(".example")


def _inventory(domain: str, host: str, addresses: list[str], postmaster: str) -> bytes:
    """The example with the operator's names in it."""
    text = (resources.files("postwright") / "inventories/example.py").read_text(encoding="utf-8")
    heading = f'"""The mail fleet of {domain}. `postwright show` says what it means, `postwright plan` what is due."""'
    text = re.sub(r'\A""".*?"""', heading, text, flags=re.DOTALL)
    if addresses:
        pairs = "".join(f'("{it}", "mx1.example.com"),\n                    ' for it in addresses)
        text = re.sub(
            r'\("192\.0\.2\.10", .*?(?=\],)', f"{pairs.rstrip()}\n                ", text, count=1, flags=re.DOTALL
        )
        text = text.replace('"ssh_hostname": "192.0.2.10"', f'"ssh_hostname": "{addresses[0]}"')
        text = re.sub(r'\n *\{"name": "2\.0\.192\.in-addr\.arpa"[^\n]*', "", text)
    said = {"ops@example.net": postmaster, "mx1": host, "example.com": domain}
    return re.sub("|".join(map(re.escape, said)), lambda found: said[found[0]], text).encode()


def _secret_files(private: Path, fqdn: str) -> dict[Path, bytes]:
    certificate, key = _self_signed(fqdn)
    password = secrets.token_urlsafe(18)
    return {
        private / ".gitignore": b"*\n",
        private / "passphrase": f"{secrets.token_urlsafe(30)}\n".encode(),
        private / "tsig": base64.b64encode(secrets.token_bytes(32)) + b"\n",
        private / "app.password": f"{password}\n".encode(),
        private / "app.hash": _hashed(password),
        private / f"{fqdn}.crt": certificate,
        private / f"{fqdn}.key": key,
    }


def _hashed(password: str) -> bytes:
    """SHA-512 crypt(3); Python has no crypt module any more, OpenSSL is on every machine with SSH."""
    command = ["openssl", "passwd", "-6", "-stdin"]
    try:
        return subprocess.run(command, input=password.encode(), capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise UsageError(f"cannot run {' '.join(command)}: {error}; install OpenSSL, then run again") from None


def _self_signed(fqdn: str) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, fqdn[:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(fqdn)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), pem
