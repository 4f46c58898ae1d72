"""Only a handshake that fails is a refusal; a port that is down, or hangs up before, has refused nothing."""

import socket
import ssl
import threading
from types import SimpleNamespace

import pytest
from support import certificate

from postwright.checks import smtp, test_tls_quality
from postwright.checks.unknown import UnknownError

GREETING, OFFER, GO_ON = b"220 here\r\n", b"250-here\r\n250 STARTTLS\r\n", b"220 go on\r\n"
DEFAULT = "DEFAULT", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(smtp, "_silent", {})
    return SimpleNamespace(name="mx1", fqdn="mx1.example.com", addresses=[SimpleNamespace(ip="127.0.0.1")])


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def serve(listener, answers, context=None):
    """Answer one client so many lines, and go on with TLS if there is a context; then hang up."""

    def session():
        client, _ = listener.accept()
        with client:
            client.sendall(GREETING)
            for answer in answers:
                client.recv(1000)
                client.sendall(answer)
            if context:
                try:
                    context.wrap_socket(client, server_side=True).recv(1)
                except OSError:
                    return

    threading.Thread(target=session, daemon=True).start()
    return listener.getsockname()[1]


@pytest.fixture
def context(tmp_path):
    chain, key = certificate("mx1.example.com")
    (tmp_path / "pair.pem").write_text(chain + key)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(tmp_path / "pair.pem")
    return made


def test_what_a_port_agrees_to_is_told(host, listener, context):
    port = serve(listener, (OFFER, GO_ON), context)

    assert test_tls_quality._agreed(host, port, test_tls_quality._client(*DEFAULT)).startswith("TLSv1.2 ECDHE-ECDSA-")


def test_a_handshake_that_fails_is_a_refusal(host, listener, context):
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    port = serve(listener, (OFFER, GO_ON), context)

    assert test_tls_quality._agreed(host, port, test_tls_quality._client(*DEFAULT)) is None


def test_a_port_that_is_down_has_refused_nothing(host, listener):
    port = listener.getsockname()[1]
    listener.close()

    with pytest.raises(UnknownError, match="Connection refused"):
        test_tls_quality._agreed(host, port, test_tls_quality._client(*DEFAULT))


@pytest.mark.parametrize("answers", [(), (OFFER,)])
def test_a_port_that_hangs_up_before_tls_begins_has_refused_nothing(host, listener, answers):
    port = serve(listener, answers)

    with pytest.raises(UnknownError, match="before TLS began"):
        test_tls_quality._agreed(host, port, test_tls_quality._client(*DEFAULT))
