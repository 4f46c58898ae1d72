"""Users come, change and go while others send; what each may do holds on a real host."""

import smtplib
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest
from inbox import arrived

from postwright.lab import state

pytestmark = pytest.mark.lab

LAB = "lab8"
TO = "ops@bigmail.test"
STORE = """
fleet["users"] = "../users.json"
fleet["from_header"] = "address"
"""


def certificate(folder):
    """A client's own certificate, signed by nobody else; its fingerprint."""
    command = (
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=client -keyout {folder}/c.key -out {folder}/c.crt"
    )
    subprocess.run(command.split(), check=True, capture_output=True)
    shown = f"openssl x509 -in {folder}/c.crt -noout -fingerprint -sha256"
    return subprocess.run(shown.split(), check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]


@pytest.fixture(scope="module")
def fleet(operator):
    """A host with five users of a store, each of which can do one thing that others cannot."""
    made = operator.changed("users", STORE)
    for arguments in (
        ("crm", "--sender", "@shop.test"),
        ("few", "--sender", "@shop.test", "--limit", "messages_per_hour=2"),
        ("far", "--sender", "@shop.test", "--network", "192.0.2.0/24"),
        ("near", "--sender", "@shop.test", "--network", "10.78.8.0/24", "--network", "fd78::/16"),
        ("gone", "--sender", "@shop.test"),
    ):
        made.run("users", "add", *arguments, "--password-file", arguments[0])
    print_ = certificate(made.folder)
    made.run("users", "add", "robot", "--sender", "robot@shop.test", "--no-password", "--certificate", print_)
    made.run("apply", "--yes", "--no-verify")
    return made


@contextmanager
def connected(port=587, version=4, chain=None):
    lab = state.load(LAB)
    trust = ssl.create_default_context(cafile=str(lab.ca_certificate))
    trust.check_hostname = False
    if chain:
        trust.load_cert_chain(chain / "c.crt", chain / "c.key")
    at = lab.hosts["mx1"].ipv4 if version == 4 else lab.hosts["mx1"].ipv6
    with (
        smtplib.SMTP_SSL(at, port, timeout=20, context=trust) if port == 465 else smtplib.SMTP(at, port, timeout=20)
    ) as client:
        if port == 587:
            client.starttls(context=trust)
        client.ehlo()
        yield client


@contextmanager
def session(fleet, login, file=None, **where):
    with connected(**where) as client:
        client.login(login, (fleet.folder / (file or login)).read_text().strip())
        yield client


def send(client, sender="app@shop.test", author=None, headers=None):
    """The code of the first answer that is no consent, else of the last; and its words."""
    client.mail(sender)
    code, said = client.rcpt(TO)
    if code == 250:
        try:
            code, said = client.data(f"{headers or f'From: {author or sender}'}\r\nSubject: users\r\n\r\nhello\r\n")
        except smtplib.SMTPDataError as error:
            code, said = error.smtp_code, error.smtp_error
    client.rset()
    return code, said.decode()


def may_log_in(fleet, login, file=None, **where):
    try:
        with session(fleet, login, file, **where):
            return True
    except smtplib.SMTPAuthenticationError:
        return False


@pytest.mark.parametrize("port", [465, 587])
def test_a_new_user_logs_in_and_sends(fleet, port):
    with session(fleet, "crm", port=port) as client:
        assert send(client)[0] == 250


def test_over_its_limit_a_user_is_told_to_come_again_and_others_are_not(fleet):
    with session(fleet, "few") as client:
        answers = [send(client) for _ in range(3)]
    with session(fleet, "crm") as client:
        other = send(client)
    fleet.on_host("echo 3700 >/run/postwright-lab-clock")
    time.sleep(1.1)  # it is read once a second
    with session(fleet, "few") as client:
        later = send(client)
    fleet.on_host("rm /run/postwright-lab-clock")

    assert [code for code, _ in answers] == [250, 250, 451]
    assert "few may send 2 messages in any hour; that is reached, try again later" in answers[2][1]
    assert (other[0], later[0]) == (250, 250)


def test_a_user_logs_in_from_its_networks_only(fleet):
    assert not may_log_in(fleet, "far")
    assert may_log_in(fleet, "near")
    assert may_log_in(fleet, "near", version=6)


def test_a_certificate_logs_in_for_its_user_alone(fleet):
    with connected(chain=fleet.folder) as client:
        own, other = send(client, "robot@shop.test"), send(client, "app@shop.test")
        author = send(client, "robot@shop.test", "x@elsewhere.shop.test")
    with connected() as client:
        without = send(client, "robot@shop.test")

    assert (own[0], other[0], without[0]) == (250, 554, 554)
    assert author[0] == 550  # of no domain of the fleet: nobody would sign it


def test_a_from_header_of_somebody_else_is_refused(fleet):
    fleet.run("users", "set", "crm", "--sender", "crm@shop.test")
    fleet.run("apply", "--yes", "--no-verify")
    with session(fleet, "crm") as client:
        own, other = send(client, "crm@shop.test"), send(client, "crm@shop.test", "Boss <boss@shop.test>")

    assert own[0] == 250
    assert other[0] == 550
    assert "not owned by user crm: boss@shop.test" in other[1]


def test_mail_without_a_from_header_gets_one_and_is_signed(fleet):
    token = f"no-from-{time.time_ns()}"
    with session(fleet, "near") as client:
        answer = send(client, headers=f"Message-ID: <{token}@shop.test>")
    found = arrived(LAB, [token])[token]

    assert answer[0] == 250
    assert found.good, found


class Sending(threading.Thread):
    """Logs in and sends, again and again, until it is told to stop."""

    def __init__(self, fleet):
        super().__init__()
        self.fleet, self.over, self.codes, self.errors = fleet, threading.Event(), [], []

    def run(self):
        while not self.over.is_set():
            try:
                with session(self.fleet, "near") as client:
                    self.codes.append(send(client)[0])
            except (OSError, smtplib.SMTPException) as error:
                self.errors.append(error)


def test_users_change_while_others_send_and_nobody_is_refused_for_it(fleet):
    fleet.run("users", "rotate", "crm", "--password-file", "crm.new")
    fleet.run("users", "rotate", "few", "--grace", "1h", "--password-file", "few.new")
    fleet.run("users", "remove", "gone", "--yes")
    fleet.run("users", "add", "late", "--sender", "late@shop.test", "--password-file", "late")
    started = "systemctl show -p ExecMainStartTimestampMonotonic dovecot postfix postwright-limits opendkim"
    before = fleet.on_host(started).stdout
    sending = Sending(fleet)
    sending.start()
    with session(fleet, "near", port=465) as opened:
        send(opened)
        landed = fleet.json("apply", "--yes", "--no-verify")
        after = send(opened)
    sending.over.set()
    sending.join()

    assert landed["hosts"] == {"mx1": ["put files in place", "postfix | send with Postfix"]}
    assert fleet.on_host(started).stdout == before
    assert after[0] == 250
    assert (set(sending.codes), sending.errors) == ({250}, [])


def test_a_password_that_was_rotated_is_refused_and_during_its_grace_it_is_not(fleet):
    assert [may_log_in(fleet, "crm", file) for file in ("crm", "crm.new")] == [False, True]
    assert [may_log_in(fleet, "few", file) for file in ("few", "few.new")] == [True, True]


def test_who_was_removed_is_refused_and_who_came_may_send_as_himself(fleet):
    with session(fleet, "late") as client:
        own, other = send(client, "late@shop.test"), send(client, "crm@shop.test")

    assert not may_log_in(fleet, "gone")
    assert own[0] == 250
    assert (other[0], "not owned by user late" in other[1]) == (553, True)


def test_then_nothing_is_left_to_do_until_the_grace_is_over(fleet):
    landed = fleet.json("apply", "--yes", "--no-verify")
    later = fleet.json("plan", clock=3601)

    assert landed["changed"] is False
    assert {"/etc/dovecot/submission-previous.passwd", "/etc/postwright/logins"} <= {
        change["path"] for change in later["hosts"][0]["files"]
    }
    assert "$6$" not in str(later)


def test_every_check_of_submission_passes(fleet):
    results = fleet.json("verify", "-k", "login")

    assert (results["failed"], results["unknown"]) == (0, 0)
    assert "mx1" in {it["where"] for it in results["checks"] if "counted" in it["promise"]}
