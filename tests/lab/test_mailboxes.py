"""What a sender must receive arrives in mailboxes and is read by IMAP and POP3; nothing is relayed, nothing bounced to strangers."""

import imaplib
import poplib
import secrets
import smtplib
import socket
import subprocess
import time
from contextlib import ExitStack
from ipaddress import ip_address
from types import SimpleNamespace

import mailreader
import pytest
from operators import lab_operator, leave
from support import write_private

from postwright.checks.relaying import envelopes
from postwright.lab import box, guest, mail, state
from postwright.lab.layout import Layout

pytestmark = pytest.mark.lab

LAB, HOST = "lab9", "mx3"
PASSWORD = "a password for reading"  # noqa: S105 - of a test
REPORTS, BOUNCES, SMALL = "reports@shop.test", "bounce@shop.test", "small@shop.test"
BOXES = """
fleet["postmaster"], fleet["bounces"] = "reports@shop.test", "bounce@shop.test"
fleet["mailboxes"] = {{
    "reports@shop.test": {{"password_hash": "{hash}", "keep": "90d"}},
    "bounce@shop.test": {{"password_hash": "{hash}", "networks": ["192.0.2.0/24", "10.78.0.0/16"]}},
    "small@shop.test": {{"password_hash": "{hash}", "quota": "100K", "networks": ["192.0.2.0/24"]}},
}}
fleet["domains"][0]["aliases"] = {{"dmarc": "reports@shop.test", "tiny": "small@shop.test", "sales": "nobody@bigmail.test"}}
fleet["domains"].append({{"name": "customer.shop.test", "mx": "keep", "delegated": {{"to": "customer.hold.shop.test"}}}})
"""
# Not 451 or 450: a host that answers those may yet take it. 454 is Postfix's "Relay access denied".
DENIED = {454, *range(500, 560)}
# The receiver takes every address; but this one it refuses.
REFUSING = "check_recipient_access inline:{nobody@bigmail.test=REJECT}"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    made = lab_operator(tmp_path_factory.mktemp("mailboxes"), LAB, HOST)
    box.run(LAB, "receiver", f"postconf -e 'smtpd_recipient_restrictions = {REFUSING}' && postfix reload")
    yield made
    leave(made)


@pytest.fixture(scope="module")
def operator(plain):
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout
    file = write_private(plain.folder / "reports.hash", hashed)
    made = plain.changed("boxed", BOXES.format(hash=file))
    made.run("apply", "--yes", "--no-verify")
    return made


def read(address, token):
    return mailreader.read(LAB, HOST, address, PASSWORD, token)


def queue_is_empty(operator):
    return "Mail queue is empty" in operator.on_host("postqueue -p").stdout


def queue_empties(operator, seconds=20):
    deadline = time.monotonic() + seconds
    while not queue_is_empty(operator):
        assert time.monotonic() < deadline, operator.on_host("postqueue -p").stdout
        time.sleep(0.1)


def at_receiver(text):
    """Whether any message there contains the text."""
    folder = guest.root(Layout.named(LAB), "receiver") / "var/mail/lab/new"
    return any(text in file.read_text(errors="replace") for file in folder.glob("*"))


def test_nothing_is_due_after_an_apply_and_every_check_passes(operator):
    assert operator.json("apply", "--yes", "--no-verify")["changed"] is False
    results = operator.json("verify", check=False)

    bad = [f"{it['promise']} {it['where']}: {it['reason']}" for it in results["checks"] if it["outcome"] != "ok"]
    assert not bad


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    "recipient",
    ["postmaster@shop.test", "PostMaster", "abuse@shop.test", "dmarc+a@shop.test", f"root@{HOST}.shop.test"],
)
def test_mail_to_an_own_address_is_read_by_imap_and_pop3(recipient):
    token = mailreader.post(LAB, HOST, "someone@stranger.test", recipient)

    assert read(REPORTS, token)["Subject"] == token
    assert any(token.encode() in text for text in mailreader.read_by_pop3(LAB, HOST, REPORTS, PASSWORD))


def test_a_refused_message_comes_back_to_its_return_path(operator):
    sent = mail.compose(state.load(LAB), secrets.token_hex(8), recipient="nobody@bigmail.test")
    lab = state.load(LAB)
    with mail._connect(lab, HOST, mail.STARTTLS) as client:
        client.login(lab.submission.login, lab.submission.password_file.read_text().strip())
        client.send_message(sent, from_addr="bounce+4711@shop.test")
    bounce = read(BOUNCES, mail.token_of(sent))

    assert (bounce["To"], bounce["Return-Path"]) == ("bounce+4711@shop.test", "<>")
    assert "Recipient address rejected" in bounce.as_string()
    assert any(b"nobody@bigmail.test" in it for it in mailreader.read_by_pop3(LAB, HOST, BOUNCES, PASSWORD))
    assert queue_is_empty(operator)


@pytest.mark.usefixtures("operator")
def test_a_bounce_to_any_address_of_a_delegated_return_path_arrives():
    token = mailreader.post(LAB, HOST, "", "list-4711=someone=bigmail.test@bounce.customer.shop.test")

    assert read(BOUNCES, token)["Return-Path"] == "<>"


def test_a_forged_sender_of_mail_that_is_led_on_and_refused_there_hears_nothing(operator):
    token = mailreader.post(LAB, HOST, "forged@bigmail.test", "sales@shop.test")
    bounce = read(BOUNCES, token)

    assert bounce["To"] == f"forwarded@{HOST}.shop.test"
    assert queue_is_empty(operator)
    assert not at_receiver(token)


@pytest.mark.usefixtures("operator")
def test_mail_that_is_led_on_passes_spf_by_our_own_name():
    lab = state.load(LAB)
    message = mail.compose(lab, secrets.token_hex(8), sender="x@stranger.test")
    box.run(LAB, "receiver", "postconf -e smtpd_recipient_restrictions= && postfix reload")
    with smtplib.SMTP(lab.hosts[HOST].ipv4, 25) as client:
        client.send_message(message, "x@stranger.test", ["sales@shop.test"])
    found = mail.find(lab, mail.token_of(message))
    box.run(LAB, "receiver", f"postconf -e 'smtpd_recipient_restrictions = {REFUSING}' && postfix reload")

    assert found["Return-Path"] == f"<forwarded@{HOST}.shop.test>"
    assert "spf=pass" in found["Authentication-Results"]


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    "recipient",
    [
        "nobody@shop.test",
        "postmaster@localhost.shop.test",
        f"nobody@{HOST}.shop.test",
        "forward-bounces@localhost",
        "nobody@stranger.test",
    ],
)
@pytest.mark.parametrize("sender", ["", "forged@bigmail.test", "postmaster@shop.test"])
def test_who_is_not_here_is_refused_while_the_sender_is_connected(sender, recipient):
    assert mailreader.answer(LAB, HOST, sender, recipient) in DENIED


@pytest.mark.parametrize("recipient", [SMALL, "tiny@shop.test"])
def test_a_full_mailbox_is_told_to_the_sender_and_nothing_bounces(operator, recipient):
    code = mailreader.posted_until_refused(
        LAB, HOST, "forged@bigmail.test", recipient, 45_000, most=3, delivered=lambda: queue_empties(operator)
    )

    assert code == 452
    assert queue_is_empty(operator)


@pytest.mark.usefixtures("operator")
def test_each_password_is_good_for_its_own_purpose_only():
    lab = state.load(LAB)
    login, password = lab.submission.login, lab.submission.password_file.read_text().strip()

    with pytest.raises(imaplib.IMAP4.error):
        mailreader.imap(LAB, HOST, login, password)
    with pytest.raises(poplib.error_proto):
        mailreader.pop3(LAB, HOST, login, password)
    with mail._connect(lab, HOST, mail.STARTTLS) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login(REPORTS, PASSWORD)


@pytest.mark.usefixtures("operator")
def test_a_mailbox_is_closed_to_other_networks_than_its_own():
    with pytest.raises(imaplib.IMAP4.error):
        mailreader.imap(LAB, HOST, SMALL, PASSWORD)


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("port", [110, 143])
def test_no_port_without_tls_is_open(port):
    with pytest.raises(OSError, match=r"refused|unreachable|No route"):
        socket.create_connection((state.load(LAB).hosts[HOST].ipv4, port), timeout=5)


def relay_probes():
    address, _ = Layout.named(LAB).addresses(HOST)
    host = SimpleNamespace(fqdn=f"{HOST}.shop.test", addresses=[SimpleNamespace(ip=ip_address(address))])
    domains = [SimpleNamespace(name="shop.test", return_path="bounce.customer.shop.test")]
    return list(envelopes(SimpleNamespace(domains_of=lambda _host: domains), host))


def connected(port):
    lab = state.load(LAB)
    return smtplib.SMTP(lab.hosts[HOST].ipv4, 25) if port == 25 else mail._connect(lab, HOST, port)


@pytest.fixture(scope="module")
def lines(operator):
    """A connection to each port, made anew before the host loses patience."""
    assert operator
    with ExitStack() as stack:
        yield {port: Line(port, stack) for port in (25, 465, 587)}


class Line:
    """One connection at a time to a port of the host."""

    def __init__(self, port, stack):
        self.port, self.stack, self.used, self.client = port, stack, 0, None

    def ask(self, envelope):
        """The codes of MAIL and RCPT."""
        if self.used % 8 == 0:
            self.client = self.stack.enter_context(connected(self.port))
            self.client.ehlo("stranger.test")
        self.used += 1
        self.client.docmd("RSET")
        codes = [self.client.docmd("MAIL", f"FROM:<{envelope.sender}>")[0]]
        return [*codes, self.client.docmd("RCPT", f"TO:<{envelope.recipient}>")[0]]


@pytest.mark.parametrize("port", [25, 465, 587])
@pytest.mark.parametrize("envelope", relay_probes(), ids=lambda it: it.what)
def test_a_stranger_cannot_relay(lines, port, envelope):
    assert max(lines[port].ask(envelope)) in DENIED


def test_a_check_from_a_trusted_network_does_not_know_whether_strangers_are_refused(operator):
    trusting = operator.changed("trusting", "")
    trusting.inventory.write_text(
        operator.inventory.read_text() + 'host["mail_host"]["trusted_networks"] = ["10.78.0.0/16"]\n'
    )
    trusting.run("apply", "--yes", "--no-verify")
    results = trusting.json("verify", "-k", "25 relays nothing", check=False)["checks"]
    operator.run("apply", "--yes", "--no-verify")

    assert [(it["outcome"], "trusted_networks" in it["reason"]) for it in results] == [("unknown", True)]


def test_mail_is_there_after_a_reboot_and_nothing_is_due(operator):
    token = mailreader.post(LAB, HOST, "someone@stranger.test", REPORTS)
    read(REPORTS, token)
    box.stop_host(LAB, HOST)
    box.start_host(LAB, HOST)
    operator.run("plan", "--expect-no-changes")

    assert read(REPORTS, token)["Subject"] == token


def test_old_mail_goes_and_new_mail_stays(operator):
    token = mailreader.post(LAB, HOST, "someone@stranger.test", REPORTS)
    read(REPORTS, token)
    operator.on_host("systemctl start postwright-mail-keep.service")
    command = operator.on_host(
        "sed -n 's/^ExecStart=-//p' /etc/systemd/system/postwright-mail-keep.service"
    ).stdout.strip()
    timer = operator.on_host("systemctl is-active postwright-mail-keep.timer").stdout.strip()
    stayed = read(REPORTS, token)
    # As if all of it were older than that; Dovecot counts in whole seconds.
    operator.on_host(f"set -f; sleep 1.5; {command.replace('7776000s', '0s')}")

    assert (timer, stayed["Subject"]) == ("active", token)
    assert REPORTS in command
    assert mailreader.read_by_pop3(LAB, HOST, REPORTS, PASSWORD) == []


def test_mailboxes_that_go_from_the_inventory_leave_their_mail_and_the_plan_says_so(operator, plain):
    token = mailreader.post(LAB, HOST, "someone@stranger.test", REPORTS)
    read(REPORTS, token)
    planned = plain.run("plan").stdout
    plain.run("apply", "--yes", "--no-verify", "--force")
    again = plain.json("plan")
    listening = plain.on_host("ss -Hltn").stdout
    failed = plain.on_host("systemctl list-units --failed --plain --no-legend").stdout
    kept = plain.on_host(f"grep -rl {token} /var/mail/postwright/shop.test/reports").stdout
    with pytest.raises(OSError, match=r"refused|unreachable|No route"):
        mailreader.imap(LAB, HOST, REPORTS, PASSWORD)
    operator.run("apply", "--yes", "--no-verify")

    assert "note: host mx3: /var/mail/postwright/shop.test/reports: the mail of a mailbox" in planned
    assert again["empty"]
    assert again["hosts"][0]["notes"]
    assert failed == ""
    assert ":993 " not in listening
    assert kept
    assert read(REPORTS, token)["Subject"] == token
