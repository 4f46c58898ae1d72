"""What a check says: where it looked, whether it got an answer, and why not in one readable line."""

import smtplib
import ssl

import pytest
from support import host_data, mail_fleet, mail_host, project
from testinfra.backend.base import CommandResult

from postwright.checks.answers import LONGEST, last_line, matches, place, reason, unanswered
from postwright.checks.unknown import UnknownError
from postwright.dns.nameservers import NoAnswerError
from postwright.errors import DeployError, ProviderError, UsageError
from postwright.services import SERVICES


@pytest.fixture
def fleet(tmp_path):
    host = mail_host(addresses=[("192.0.2.10", "mx1.example.com"), ("2001:db8::10", "mx1.example.com")])
    return project(tmp_path, host_data(host=host, fleet=mail_fleet())).fleet


def test_a_place_is_what_the_operator_named(fleet):
    host, domain = fleet.hosts[0], fleet.domains[0]
    opendkim = next(service for service in SERVICES if service.name == "opendkim")

    assert place({}) == "fleet"
    assert place({"mail_host": host}) == "mx1"
    assert place({"service_of": (host, opendkim)}) == "mx1 opendkim"
    assert place({"address": (host, host.addresses[1])}) == "mx1 2001:db8::10"
    assert place({"domain": domain}) == "example.com"
    assert place({"policy_at": (host, domain)}) == "mx1 example.com"


def test_a_setting_is_told_by_its_name_and_without_its_value(fleet):
    setting = {"setting": "smtpd_milters", "value": "unix:opendkim/opendkim.sock"}

    assert place({**setting, "mail_host": fleet.hosts[0]}) == "mx1 smtpd_milters"
    assert place({"mail_host": fleet.hosts[0], **setting}) == "mx1 smtpd_milters"


CHECK = ("25 offers no AUTH at all.", "test_no_login_on_25", "mx1 10.0.0.1")


@pytest.mark.parametrize("text", ["", "auth AT", "no_login", "test_no_login_on_25", "NO_LOGIN", "MX1", "10.0.0.1", "."])
def test_text_in_promise_name_or_place_matches(text):
    assert matches(text, *CHECK)


@pytest.mark.parametrize(
    "text", ["nonesuch", "postwright", "checks", "x1 or", "not mx2", "mx1 and 25", "10.0.0.2", "tes", ".*", "("]
)
def test_nothing_but_text_that_is_there_matches(text):
    assert not matches(text, *CHECK)


@pytest.mark.parametrize(
    "error",
    [
        UnknownError("x"),
        NoAnswerError("x"),
        ProviderError("x"),
        UsageError("x"),
        TimeoutError("timed out"),
        ConnectionResetError(104, "Connection reset by peer"),
        OSError(113, "No route to host"),
        smtplib.SMTPServerDisconnected("Connection unexpectedly closed"),
        smtplib.SMTPConnectError(421, b"busy"),
        DeployError("host mx1: cannot connect to root@192.0.2.1:22: timed out"),
    ],
)
def test_what_gave_no_answer_is_unknown(error):
    assert unanswered(error)


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("x"),
        KeyError("x"),
        DeployError("host mx1: example.com: the message is not signed"),
        ssl.SSLCertVerificationError("certificate has expired"),
        smtplib.SMTPAuthenticationError(535, b"no"),
        smtplib.SMTPRecipientsRefused({"a@b": (550, b"no")}),
    ],
)
def test_a_breach_that_was_seen_is_not_unknown(error):
    assert not unanswered(error)


def failed_run(stderr, command=b"postconf -h 'x'"):
    return CommandResult("<backend with 'quotes' and command=>", 1, command, b"some\nwords", stderr)


def test_a_failed_command_is_told_by_what_it_last_said():
    error = AssertionError(
        f"Unexpected exit code 1 for {failed_run(b'first' + bytes([10]) + b'it is broken' + bytes([10]))}"
    )

    assert reason(error) == "`postconf -h 'x'`: it is broken"
    assert reason(AssertionError(f"Unexpected exit code 1 for {failed_run(b'')}")) == "`postconf -h 'x'`: exit status 1"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (AssertionError("its own words\nassert 1 == 2\n +  where 1 = f()"), "its own words"),
        (AssertionError("assert \x1b[33m'no'\x1b[0m == 'dane'\n  \n  - dane\n  + no"), "'no' == 'dane'"),
        (AssertionError(), "AssertionError"),
        (AssertionError("\n \nlate\x07"), "late\\x07"),
        (
            DeployError("host mx1: prove: Traceback (most recent call last):\n  File x\nOSError: no port"),
            "host mx1: prove: OSError: no port",
        ),
        (KeyError("opendkim"), "KeyError: 'opendkim'"),
        (TimeoutError("timed out"), "the connection was lost: timed out"),
        (NoAnswerError("192.0.2.1: refused"), "no name server answers: 192.0.2.1: refused"),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8\nno"), "the server says 535 5.7.8 no"),
        (smtplib.SMTPRecipientsRefused({"a@b.c": (550, b"5.1.1 no")}), "refused: a@b.c: 550 5.1.1 no"),
    ],
)
def test_a_reason_is_one_readable_line(error, expected):
    assert reason(error) == expected


@pytest.mark.parametrize("text", ["x" * 5000, "word " * 1000, f"assert {failed_run(b'e' * 5000, b'c' * 5000)}"])
def test_a_reason_is_short(text):
    found = reason(AssertionError(text))

    assert 0 < len(found) <= LONGEST
    assert "CommandResult" not in found


def test_the_last_line_is_the_last_that_says_something():
    assert last_line("one\ntwo \n\n") == "two"
    assert last_line(" \n") == ""
