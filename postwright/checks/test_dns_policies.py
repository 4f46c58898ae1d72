"""What senders and receivers are told beyond SPF, DKIM and DMARC, and what others must say for us."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from http.client import HTTPException, HTTPSConnection

from cryptography import x509

from postwright import certificates
from postwright.checks import smtp
from postwright.checks.lookups import asked, asked_of_all, found, resolved
from postwright.checks.unknown import UnknownError
from postwright.dns.canonical import absent_from, same, txt_octets
from postwright.dns.kinds import caa, delegation, dmarc, mta_sts, tls_reports, tlsa
from postwright.inventory import Project
from postwright.model import Address, Domain, Host
from postwright.policy_hosts import policy_name

_POLICY_OCTETS = 65_536  # more than a policy file may have (RFC 8461 §3.2)
_SECONDS = 10


def test_published_certificate_is_the_one_served(dane_host: Host, project: Project) -> None:
    """Where DNS has the certificate of an MX (TLSA), it has the one that port 25 serves, at every name server."""
    published = asked_of_all(project, tlsa.name(dane_host), "TLSA")
    if not any(published.values()):
        return
    served = tlsa.record(certificates.key_digest(_served(dane_host)))

    for server, values in published.items():
        other = f"{server} has {'; '.join(values) or 'none'}, port 25 serves {served}"
        assert not absent_from([served], values, "TLSA"), other


def _served(host: Host) -> x509.Certificate:
    """The certificate of port 25, whoever vouches for it."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    with smtp.connected(host, smtplib.SMTP, 25) as client:
        client.starttls(context=anyone)
        return x509.load_der_x509_certificate(client.sock.getpeercert(binary_form=True))  # type: ignore[union-attr]


def test_issuers_are_admitted(certified: tuple[Host, Address], project: Project) -> None:
    """The CAA records that hold for the HELO name let our certificate authorities issue for it."""
    _, ours = certified
    name, values = next(_caa_records(project, ours.helo), ("", ()))

    for authority in project.fleet.certificate_authorities:
        assert caa.admits(values, authority), f"{authority} may not: {name} has CAA {'; '.join(values)}"


def _caa_records(project: Project, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The CAA RRsets at the name and above it, nearest first (RFC 8659 §3)."""
    labels = name.split(".")
    for name_above in (".".join(labels[start:]) for start in range(len(labels))):
        if values := found(project, name_above, "CAA"):
            yield name_above, values


def test_tls_reports_are_asked_for(tls_reporting: Domain, project: Project) -> None:
    """The domain says where senders report trouble with TLS."""
    expected = tls_reports.record(tls_reporting.tls_reports)
    values = asked(project, tls_reports.name(tls_reporting.name), "TXT")

    assert same(values, [expected], "TXT"), f"it says {'; '.join(values) or 'nothing'}, not {expected}"


def test_mta_sts_is_announced(sts_domain: Domain, project: Project) -> None:
    """The domain announces the MTA-STS policy of the inventory."""
    expected = mta_sts.record(mta_sts.policy_text(project.fleet, sts_domain))
    values = asked(project, mta_sts.name(sts_domain.name), "TXT")

    assert same(values, [expected], "TXT"), f"it announces {'; '.join(values) or 'nothing'}, not {expected}"


def test_mta_sts_policy_is_served(sts_domain: Domain, project: Project) -> None:
    """The MTA-STS policy senders fetch over HTTPS is the one of the inventory."""
    host = policy_name(sts_domain)
    status, text = _fetched(host, mta_sts.POLICY_PATH)
    expected = mta_sts.policy_text(project.fleet, sts_domain)

    # A redirect must not be followed (RFC 8461 §3.3).
    assert status == 200, f"{host} answers {status}; serve there what `postwright show policies` prints"
    assert sorted(text.split()) == sorted(expected.split()), f"{host} serves {' '.join(text.split())!r}"


def _fetched(host: str, path: str) -> tuple[int, str]:
    """Status and content; a certificate that is not for the host is an error, no answer is unknown."""
    connection = HTTPSConnection(host, timeout=_SECONDS, context=ssl.create_default_context())
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(_POLICY_OCTETS).decode(errors="replace")
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, HTTPException) as error:
        raise UnknownError(f"https://{host}{path}: no answer: {error or type(error).__name__}") from None
    finally:
        connection.close()


def test_delegated_names_lead_here(delegated: Domain, project: Project) -> None:
    """The CNAMEs of a delegated domain lead to our zone."""
    answers = {name: (target, found(project, name, "CNAME")) for name, target in delegation.led(delegated)}
    wrong = [
        f"{name} leads to {', '.join(values) or 'nothing'}, not to {target}."
        for name, (target, values) in answers.items()
        if not same(values, [f"{target}."], "CNAME")
    ]

    assert not wrong, f"{'; '.join(wrong)}; ask its owner"


def test_reports_are_consented_to(reporting: Domain, project: Project) -> None:
    """Those outside the fleet who receive the domain's DMARC reports have consented to it."""
    refusing = [
        name
        for name in dmarc.consents_of(project.fleet, reporting)
        if not any(txt_octets(value).lower().startswith(b"v=dmarc1") for value in resolved(name, "TXT"))
    ]

    assert not refusing, f'there is no TXT "v=DMARC1" at {", ".join(refusing)}; ask the receiver to set it'
