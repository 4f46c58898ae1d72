"""A port that does not answer is unknown, says what to do, and is waited for once."""

import smtplib
import ssl

import pytest
from support import host_data, project

from postwright.checks import smtp
from postwright.checks.unknown import UnknownError


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(smtp, "_silent", {})
    return project(tmp_path, host_data()).fleet.hosts[0]


def attempt(host, port, error):
    """What is said of a connection that ends so, and the addresses that were tried."""
    tried = []
    try:
        with smtp.connecting(host, port) as address:
            tried.append(address)
            raise error
    except UnknownError as unknown:
        return str(unknown), tried


def test_a_silent_port_is_waited_for_once_and_its_neighbours_not_for_long(host):
    first = attempt(host, 25, TimeoutError("timed out"))
    again = attempt(host, 25, AssertionError("was tried again"))

    assert first[0] == again[0]
    assert first[0].startswith("host mx1: no answer from 192.0.2.10 port 25 (timed out); check ")
    assert (first[1], again[1]) == (["192.0.2.10"], [])
    assert smtp.patience("192.0.2.10") < smtp.patience("192.0.2.11") == smtp.TIMEOUT


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "(Connection refused); nothing listens there"),
        (smtplib.SMTPConnectError(421, b"too busy"), "(the server says 421 too busy)"),
        (smtplib.SMTPServerDisconnected("closed"), "(the connection was lost: closed)"),
    ],
)
def test_a_port_that_refuses_is_tried_again(host, error, expected):
    assert expected in attempt(host, 587, error)[0]
    assert attempt(host, 587, error)[1] == ["192.0.2.10"]


def test_a_certificate_that_is_not_trusted_is_an_answer(host):
    with pytest.raises(ssl.SSLError), smtp.connecting(host, 465):
        raise ssl.SSLCertVerificationError
