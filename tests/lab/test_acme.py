"""Certificates by ACME, from a real ACME server: issued by an apply, renewed by the host, and what stays when that fails."""

import smtplib
import ssl
import threading
import time

import pytest
from cryptography import x509

from postwright.certificates import key_digest, names_of
from postwright.lab import box, state

pytestmark = pytest.mark.lab

LAB = "lab1"
HOST = "mx3"
NAME = f"{HOST}.shop.test"
CERTIFICATE = "/etc/postwright/tls/certificate.pem"
RENEW = "/usr/bin/python3 -B -P -s /etc/postwright/acme/acme.py renew"
FORCED = "/run/systemd/system/postwright-acme.service.d/forced.conf"

BY_ACME = """
host["mail_host"]["tls"] = "acme"
fleet["acme"] = {
    "contact": "ops@bigmail.test", "directory": _lab.acme_directory, "staging": _lab.acme_directory,
    "authority": str(_lab.ca_certificate),
}
fleet["tls_authorities"] = str(_here / "acme-root.pem")
"""
ONE_MORE_NAME = (
    BY_ACME
    + f"""
host["mail_host"]["addresses"][1] = (host["mail_host"]["addresses"][1][0], "six-{NAME}")
"""
)
BY_DNS = (
    ONE_MORE_NAME
    + """
fleet["acme"] |= {"challenge": "dns-01", "provider": "ns"}
"""
)


def root():
    """The certificate of the authority the lab's ACME server issues with, which is new at each of its starts."""
    got = box.run(LAB, "ns", "until test -s /etc/pebble/root.pem; do sleep 0.1; done; cat /etc/pebble/root.pem")
    return got.stdout


@pytest.fixture(scope="module")
def acme(operator):
    (operator.folder / ".lab" / LAB / "acme-root.pem").write_text(root())
    return operator.changed("acme", BY_ACME)


class Client(smtplib.SMTP):
    """Speaks SMTP to the host by its address, and takes its certificate for that of its name."""

    def __init__(self):
        super().__init__(timeout=20)
        self._host = NAME


def served(port, trusted=None):
    """The certificate a port serves; with ``trusted``, an authority as PEM, it must be vouched for and be for the name."""
    context = ssl.create_default_context(cadata=trusted)
    if trusted is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = state.load(LAB).hosts[HOST].ipv4
    client = smtplib.SMTP_SSL(timeout=20, context=context) if port == 465 else Client()
    client._host = NAME
    with client:
        client.connect(address, port)
        if port != 465:
            client.ehlo()
            begin_tls(client, context)
        return x509.load_der_x509_certificate(client.sock.getpeercert(binary_form=True))


class CutOffError(Exception):
    """The host hung up while TLS was to begin."""


def begin_tls(client, context):
    try:
        client.starttls(context=context)
    except (smtplib.SMTPServerDisconnected, ConnectionError, ssl.SSLEOFError) as error:
        raise CutOffError(repr(error)) from error


class Watch(threading.Thread):
    """Asks port 25 over and over; notes each time it answers and offers no TLS, or TLS that fails.

    Who is refused or cut off before that has met a restart; who is cut off while TLS begins may have, but not twice in a row.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.ended, self.without, self.keys, self.cut_off = threading.Event(), [], set(), False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    def run(self):
        while not self.ended.is_set():
            try:
                self.keys.add(key_digest(served(25)))
                self.cut_off = False
            except (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError, ConnectionError):
                pass  # Postfix restarts: nobody is told anything
            except CutOffError as error:
                self.without += [str(error)] if self.cut_off else []
                self.cut_off = True
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no TLS
                self.without.append(repr(error))
            time.sleep(0.1)


def on_disk(operator):
    return x509.load_pem_x509_certificate(operator.on_host(f"cat {CERTIFICATE}").stdout.encode())


def tlsa():
    nameserver = state.load(LAB).nameserver
    return box.run(LAB, "ns", f"kdig @{nameserver} +short TLSA _25._tcp.{NAME}").stdout.split()


def master(operator):
    return operator.on_host("cat /var/spool/postfix/pid/master.pid").stdout.strip()


def renew(operator, *, force=False):
    """Have systemd run the renewal as its timer would; its exit status."""
    if force:
        text = f"[Service]\\nExecStart=\\nExecStart={RENEW} --force\\n"
        operator.on_host(f"install -D /dev/null {FORCED} && printf '{text}' >{FORCED} && systemctl daemon-reload")
    status = operator.on_host("systemctl start postwright-acme.service", check=False).returncode
    if force:
        operator.on_host(f"rm {FORCED} && systemctl daemon-reload")
    return status


def reloads(operator):
    return operator.on_host("journalctl -u postfix -o cat | grep -c 'reload --' || true").stdout.strip()


def test_a_host_goes_over_from_files_and_offers_tls_all_the_while(operator, acme):
    operator.run("apply", "--yes", "--no-verify")
    before = key_digest(served(25))

    with Watch() as watch:
        landed = acme.json("apply", "--yes", "--no-verify")

    assert watch.without == []
    assert watch.keys == {before, key_digest(on_disk(acme))}
    assert any("certificate" in step for step in landed["hosts"][HOST])


@pytest.mark.parametrize("port", [25, 465, 587])
def test_every_port_serves_a_certificate_the_authority_vouches_for(acme, port):
    assert served(port, root()) == on_disk(acme)


def test_the_key_is_the_one_of_the_keyring_and_of_dns(acme):
    assert tlsa()[3].lower() + "".join(tlsa()[4:]).lower() == key_digest(on_disk(acme))


def test_a_second_apply_changes_nothing(acme):
    landed = acme.json("apply", "--yes")

    assert (landed["changed"], landed["hosts"]) == (False, {})


def test_the_checks_pass(acme):
    results = acme.json("verify", "-k", "acme")

    assert (results["failed"], results["unknown"]) == (0, 0)
    assert results["ok"] >= 5


def test_a_renewal_with_nothing_to_do_reloads_nothing(acme):
    before = on_disk(acme), reloads(acme)

    assert renew(acme) == 0
    assert (on_disk(acme), reloads(acme)) == before


def test_a_renewal_swaps_the_certificate_without_a_restart_and_the_key_stays(acme):
    before, pid, published = on_disk(acme), master(acme), tlsa()

    assert renew(acme, force=True) == 0

    assert on_disk(acme).serial_number != before.serial_number
    assert served(465, root()) == on_disk(acme)
    assert key_digest(on_disk(acme)) == key_digest(before)
    assert (master(acme), tlsa()) == (pid, published)


def test_without_its_authority_a_host_goes_on_and_verify_says_that_renewal_fails(acme):
    before = on_disk(acme)
    box.run(LAB, "ns", "systemctl stop pebble")

    try:
        status = renew(acme, force=True)
        landed = acme.json("apply", "--yes")
        results = acme.json("verify", "-k", "last renewal", check=False)
    finally:
        box.run(LAB, "ns", "systemctl start pebble")

    assert status != 0
    assert landed["changed"] is False
    assert served(25) == on_disk(acme) == before
    assert [(check["outcome"], "issues no certificate" in check["reason"]) for check in results["checks"]] == [
        ("failed", True)
    ]


def test_an_authority_that_has_forgotten_the_host_is_told_its_name_again(acme):
    """The lab's forgets every account when it starts."""
    before, now = on_disk(acme), root()

    assert renew(acme, force=True) == 0
    assert on_disk(acme) != before
    assert served(25, now) == on_disk(acme)


def test_a_name_that_cannot_be_proven_stops_the_apply_and_leaves_what_is_there(acme):
    before = on_disk(acme)
    wanting = acme.changed("wanting", ONE_MORE_NAME)
    acme.on_host(
        "nft add table inet closed && nft 'add chain inet closed in { type filter hook input priority -10; }' "
        "&& nft add rule inet closed in tcp dport 80 reject with tcp reset"
    )

    try:
        done = wanting.run("apply", "--yes", "--no-verify", check=False)
    finally:
        acme.on_host("nft delete table inet closed")

    assert done.returncode == 1
    for said in (f"host {HOST}: ", f"no certificate for {NAME}, six-{NAME}", "acme: error", "port 80 must reach it"):
        assert said in done.stderr
    assert served(25) == on_disk(acme) == before


def test_a_name_is_added_and_proven_by_dns(acme):
    by_dns = acme.changed("by-dns", BY_DNS)

    by_dns.run("apply", "--yes", "--no-verify")

    assert set(names_of(on_disk(acme))) == {NAME, f"six-{NAME}"}
    assert served(587, root()) == on_disk(acme)
    assert (
        "80" not in acme.on_host("nft list table inet postwright | grep 'tcp dport {'").stdout.replace(",", "").split()
    )
    assert acme.on_host("stat -c %a /etc/postwright/acme/tsig").stdout.strip() == "600"


def test_a_host_goes_back_to_files_and_nothing_renews_any_more(operator):
    before = key_digest(on_disk(operator))

    with Watch() as watch:
        operator.run("apply", "--yes", "--no-verify")

    assert watch.without == []
    assert watch.keys == {before, key_digest(on_disk(operator))}
    assert on_disk(operator) == x509.load_pem_x509_certificate(state.load(LAB).tls[HOST].certificate.read_bytes())
    assert operator.on_host("systemctl is-active postwright-acme.timer", check=False).stdout.strip() == "inactive"
    assert operator.on_host("ls -d /etc/postwright/acme /etc/systemd/system/postwright-acme*", check=False).stdout == ""
    assert operator.json("apply", "--yes")["changed"] is False
