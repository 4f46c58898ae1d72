"""Submission to a real TLS server on loopback: the certificate is verified, for the host's name and not its address."""

import base64
import socketserver
import ssl
import threading

import pytest

from postwright.errors import LabError
from postwright.lab import certificates, mail
from postwright.lab.state import Host, Lab, Submission, Tsig

CA = certificates.authority()


class Session(socketserver.StreamRequestHandler):
    """As much SMTP as a submission needs."""

    def handle(self):
        self.reply("220 ready")
        for line in iter(self.rfile.readline, b""):
            verb = line.split()[0].upper()
            if verb == b"AUTH":
                self.server.login = base64.b64decode(line.split()[2]).split(b"\0")[1:]
            if verb == b"DATA":
                self.reply("354 go on")
                self.server.message = b"".join(iter(self.rfile.readline, b".\r\n"))
            self.reply({b"EHLO": "250-me\r\n250 AUTH PLAIN", b"AUTH": "235 ok", b"QUIT": "221 bye"}.get(verb, "250 ok"))

    def reply(self, text):
        self.wfile.write(text.encode() + b"\r\n")


@pytest.fixture
def server(tmp_path, monkeypatch):
    def start(name, ca=CA):
        issued = certificates.issue(ca, name)
        (tmp_path / "chain").write_bytes(issued.key_pem + issued.certificate_pem)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tmp_path / "chain")
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(mail, "IMPLICIT_TLS", server.server_address[1])
        servers.append(server)
        return server

    servers = []
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def lab(tmp_path):
    (tmp_path / "password").write_text("s3cret")
    (tmp_path / "ca").write_bytes(CA.certificate_pem)
    return Lab(
        name="lab9", number=9, v4="10.78.9", v6="fd78:0:0:9", hosts={"mx1": Host(ipv4="127.0.0.1", ipv6="::1")},
        ssh_key=tmp_path, known_hosts=tmp_path, tsig=Tsig(name="k", algorithm="hmac-sha256", secret_file=tmp_path),
        nameserver="10.78.9.53", resolver=("10.78.9.54", "fd78:0:0:9::54"), trust_anchor="", acme_directory="",
        ca_certificate=tmp_path / "ca", tls={}, recipient="probe@bigmail.test",
        submission=Submission(login="app@shop.test", password_file=tmp_path / "password", password_hash_file=tmp_path),
        passphrase_file=tmp_path / "passphrase",
    )  # fmt: skip


def test_a_message_is_submitted_with_password(server, lab):
    running = server("mx1.shop.test")
    token = mail.send(lab, port=mail.IMPLICIT_TLS)

    assert running.login == [b"app@shop.test", b"s3cret"]
    assert f"Message-ID: <{token}@shop.test>".encode() in running.message
    assert b"From: app@shop.test\r\nTo: probe@bigmail.test\r\n" in running.message


def test_a_certificate_for_another_name_is_refused(server, lab):
    server("mx2.shop.test")

    with pytest.raises(LabError, match=r"certificate is not valid for 'mx1.shop.test'"):
        mail.send(lab, port=mail.IMPLICIT_TLS)


def test_a_certificate_of_another_authority_is_refused(server, lab):
    server("mx1.shop.test", ca=certificates.authority())

    with pytest.raises(LabError, match="unable to get local issuer certificate"):
        mail.send(lab, port=mail.IMPLICIT_TLS)


def test_a_host_that_is_not_set_up_is_named_with_the_next_step(lab):
    with pytest.raises(LabError, match=r"mx1 port 1 did not take the message.*postwright apply"):
        mail.send(lab, port=1)


def test_a_host_that_is_not_there_is_named_with_those_that_are(lab):
    with pytest.raises(LabError, match=r"mx2 is not part of this lab; its hosts are mx1"):
        mail.send(lab, host="mx2")
