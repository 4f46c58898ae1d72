"""Makes the first project of an operator: the example inventory with his names, and the secrets it speaks of."""

from __future__ import annotations

import base64
import ipaddress
import secrets
import subprocess
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from postwright.errors import UsageError
from postwright.files import write_atomically
from postwright.model import email_address, host_name

_DAYS = 90  # a start, not a certificate to live with


def create(directory: Path, domain: str, host: str, addresses: tuple[str, ...], postmaster: str | None) -> list[Path]:
    """Write the project below ``directory``; returns the files made. UsageError lists what is wrong or in the way."""
    problems: list[str] = []
    name = _checked(host_name, domain, "DOMAIN", problems)
    to = _checked(email_address, postmaster, "--postmaster", problems) if postmaster else None
    found = [_checked(lambda text: str(ipaddress.ip_address(text)), text, "--address", problems) for text in addresses]
    files = (
        {directory / path: content for path, content in _text_files(name, host, found, to).items()}
        if not problems
        else {}
    )
    private = directory / "secrets"
    problems += [f"{path} is there already; move it away, or work on" for path in (*files, private) if path.exists()]
    if problems:
        raise UsageError("\n".join(problems) + "\nnothing was written")
    private.mkdir(mode=0o700, parents=True)
    made = []
    for path, content in {**files, **_secret_files(private, f"{host}.{name}")}.items():
        write_atomically(path, content, 0o600 if path.parent == private else 0o644)
        made.append(path)
    return made


def _checked(rule: object, value: str, place: str, problems: list[str]) -> str:
    try:
        return str(rule(value))  # type: ignore[operator]
    except ValueError as error:
        problems.append(f"{place}: {error}")
        return value


def _text_files(domain: str, host: str, addresses: list[str], postmaster: str | None) -> dict[str, bytes]:
    text = (resources.files("postwright") / "inventories/example.py").read_text(encoding="utf-8")
    _, _, rest = text.partition('"""\n\n')
    text = f'"""The mail fleet of {domain}. `postwright show` says what it means, `postwright plan` what is due."""\n\n{rest}'
    v4 = [it for it in addresses if ":" not in it]
    v6 = [it for it in addresses if ":" in it]
    if addresses:
        pairs = "".join(f'                    ("{it}", "{host}.example.com"),\n' for it in [*v4, *v6])
        start, end = (
            text.index('                    ("192.0.2.10"'),
            text.index("                ],\n                # The full chain"),
        )
        text = text[:start] + pairs + text[end:]
        text = text.replace('"ssh_hostname": "192.0.2.10"', f'"ssh_hostname": "{addresses[0]}"')
        text = text.replace('                {"name": "2.0.192.in-addr.arpa", "provider": "ns1"},\n', "")
    text = text.replace("ops@example.net", postmaster or "ops@example.net")
    text = text.replace("mx1", host).replace("example.com", domain)
    return {"inventories/production.py": text.encode(), ".gitignore": b"secrets/\n.postwright/\n"}


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
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password.encode(), capture_output=True, check=True
    )
    return done.stdout


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
