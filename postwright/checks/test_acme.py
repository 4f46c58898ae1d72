"""Certificates by ACME: they serve the host today, and will be renewed before they end."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import testinfra.host
from cryptography import x509

from postwright import certificates, material, values
from postwright.acme.host import window
from postwright.checks import smtp
from postwright.inventory import Project
from postwright.keys import tls
from postwright.model import Acme, Fleet, Host
from postwright.policy_hosts import policy_names
from postwright.services.acme import TIMER, UNIT
from postwright.services.tls import CERTIFICATE

On = Callable[[Host], testinfra.host.Host]
_FAILURE = "/var/lib/postwright/acme/failure"


def test_acme_certificate_is_renewed_in_time(acme_host: Host, fleet: Fleet, on: On) -> None:
    """The certificate by ACME ends no sooner than a renewal that is long overdue would let it."""
    found = _certificate(acme_host, on)
    end = found.not_valid_after_utc
    overdue = end - _window(found, fleet.acme_of(acme_host)) * 2 / 3

    assert datetime.now(UTC) < overdue, f"it ends on {end:%Y-%m-%d %H:%M} UTC, and no renewal has come through"


def test_acme_certificate_is_for_every_name(acme_host: Host, fleet: Fleet, on: On) -> None:
    """The certificate by ACME is for all HELO names of the host, and those its policies are served under."""
    there = certificates.names_of(_certificate(acme_host, on))
    needed = (*acme_host.names, *policy_names(fleet, acme_host))
    missing = [name for name in needed if not any(certificates.matches(it, name) for it in there)]

    assert not missing, f"it is not for {', '.join(missing)}; an apply has another one issued"


def test_acme_certificate_is_for_the_key_of_the_keyring(acme_host: Host, project: Project, on: On) -> None:
    """The certificate by ACME is for the key in the keyring, which TLSA records are made of."""
    kept = tls.digest(material.keyring_of(project).directory, acme_host.name)

    assert kept, "the keyring has no TLS key of this host; an apply makes one"
    assert certificates.key_digest(_certificate(acme_host, on)) == kept, "it is for another key"


def test_acme_certificate_is_trusted_on_25(acme_mx_host: Host, trust: ssl.SSLContext) -> None:
    """25 offers STARTTLS with a certificate by ACME that an authority vouches for."""
    with smtp.connected(acme_mx_host, smtplib.SMTP, 25) as client:
        client.starttls(context=trust)
        assert client.ehlo()[0] == 250


def test_renewal_is_on_its_way(acme_host: Host, on: On) -> None:
    """The timer that renews the certificate runs, and the last renewal did not fail."""
    timer = on(acme_host).run(f"systemctl is-active {TIMER}").stdout.strip()
    last = on(acme_host).run(f"systemctl show {UNIT} -p Result --value").stdout.strip()
    words = on(acme_host).run(f"cat {_FAILURE}").stdout.strip()

    assert timer == "active", f"{TIMER} is {timer or 'not there'}"
    assert not words, (
        words
    )  # it is there until a renewal succeeds, and outlives a reboot, which the unit's result does not
    assert last == "success", f"{UNIT} ended with {last}; see `journalctl -u {UNIT}` there"


def _certificate(host: Host, on: On) -> x509.Certificate:
    shown = on(host).run(f"cat {CERTIFICATE}")
    try:
        return x509.load_pem_x509_certificate(shown.stdout.encode())
    except ValueError:
        pytest.fail(f"{CERTIFICATE} holds no certificate; run `postwright apply`")


def _window(found: x509.Certificate, acme: Acme | None) -> timedelta:
    """The time before its end within which a certificate is renewed."""
    if acme is None:
        raise AssertionError
    begin, end = found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp()
    return timedelta(seconds=window(begin, end, values.duration(acme.renew_before).total_seconds()))
