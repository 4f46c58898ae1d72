"""Which TLS a stranger can make our ports speak. What this machine's own OpenSSL cannot offer is not tried."""

from __future__ import annotations

import smtplib
import ssl

import pytest

from postwright.checks import smtp
from postwright.checks.unknown import UnknownError
from postwright.model import Host
from postwright.tls_suites import STRONG

# Static RSA has no forward secrecy; anonymous ones have no certificate; CBC has no authenticated encryption.
_WEAK = "aNULL:kRSA:SHA1:SHA256:SHA384:RC4:3DES:CAMELLIA:ARIA:!" + ":!".join(STRONG) + ":!TLSv1.3:@SECLEVEL=0"
# On 25 an old cipher is better than none, but not these.
_BROKEN = "aNULL:RC4:3DES:MD5:CAMELLIA:ARIA:SEED:IDEA:kDHE:@SECLEVEL=0"


def _client(ciphers: str, least: ssl.TLSVersion, most: ssl.TLSVersion) -> ssl.SSLContext:
    """Verifies nothing and offers only this; UnknownError if this machine cannot."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    try:
        made.set_ciphers(ciphers)
        made.minimum_version, made.maximum_version = least, most
    except (ssl.SSLError, ValueError) as error:
        raise UnknownError(f"this machine's {ssl.OPENSSL_VERSION} cannot offer it: {error}") from None
    return made


def _agreed(host: Host, port: int, context: ssl.SSLContext) -> str | None:
    """Protocol and cipher the port agrees to, or None if it refuses; UnknownError if the connection ends before TLS begins."""
    kind, options = (smtplib.SMTP_SSL, {"context": context}) if port == 465 else (smtplib.SMTP, {})
    try:
        client = smtp.connected(host, kind, port, **options)
        if port != 465:
            client.starttls(context=context)
    except smtplib.SMTPServerDisconnected as error:
        raise UnknownError(f"host {host.name}: port {port} hung up before TLS began: {error}") from None
    except (ssl.SSLError, ConnectionError):
        return None
    with client:
        cipher, version, _ = client.sock.cipher()  # type: ignore[union-attr]
    return f"{version} {cipher}"


@pytest.mark.parametrize("setting", ["465", "587"])
def test_weak_ciphers_are_refused(submission_host: Host, setting: str) -> None:
    """Clients that log in get forward secrecy and authenticated encryption, or no connection."""
    found = _agreed(submission_host, int(setting), _client(_WEAK, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))

    assert found is None, f"it agrees to {found}"


@pytest.mark.parametrize("setting", ["465", "587"])
def test_strong_ciphers_are_there(submission_host: Host, setting: str) -> None:
    """Clients that know TLS 1.2 only are served, with a strong cipher."""
    strong = _client(":".join(STRONG), ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)

    assert _agreed(submission_host, int(setting), strong), "it refuses TLS 1.2 with the ciphers it should know"


def test_tls_is_spoken_on_25(mx_host: Host) -> None:
    """25 speaks TLS 1.2 or 1.3 with whoever asks for it: else what follows would be refused for nothing."""
    today = _client("DEFAULT", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)

    assert _agreed(mx_host, 25, today), "it refuses TLS 1.2 and 1.3"


def test_broken_ciphers_are_refused_on_25(mx_host: Host) -> None:
    """25 agrees to no cipher that is broken or comes without a certificate."""
    found = _agreed(mx_host, 25, _client(_BROKEN, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2))

    assert found is None, f"it agrees to {found}"


def test_old_tls_is_refused_on_25(mx_host: Host) -> None:
    """25 refuses TLS 1.1 and older."""
    found = _agreed(mx_host, 25, _client("ALL:@SECLEVEL=0", ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1))

    assert found is None, f"it agrees to {found}"
