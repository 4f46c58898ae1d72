"""The checks of DNS that look at more than DNS: the certificate an MX serves, the policy file a web server serves."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography import x509
from support import certificate, host_data, mail_fleet, project, write_private

from postwright import certificates
from postwright.checks import test_dns_policies as checks
from postwright.checks.unknown import UnknownError
from postwright.dns.kinds import mta_sts

POLICY = {"name": "example.com", "mta_sts": {"mode": "enforce"}}


@pytest.fixture
def made(tmp_path):
    return project(tmp_path, host_data(fleet=mail_fleet(domains=[POLICY])))


@pytest.fixture
def published(made, monkeypatch):
    """Runs the TLSA check: an MX that serves a certificate, and name servers that answer as given (``{}`` is its digest)."""
    own = x509.load_pem_x509_certificate(certificate("mx1.example.com")[0].encode())
    monkeypatch.setattr(checks, "_served", lambda _host: own)

    def look(*answers):
        digest = certificates.key_digest(own)
        said = {f"ns{number}": tuple(it.format(digest) for it in answer) for number, answer in enumerate(answers, 1)}
        monkeypatch.setattr(checks, "asked_of_all", lambda *_: said)
        checks.test_published_certificate_is_the_one_served(made.fleet.hosts[0], made)

    return look


def test_a_certificate_is_proven_while_an_older_one_is_published_beside_it(published):
    published(["3 1 1 {}"], ["3 1 1 {}", "3 1 1 " + "0" * 64])


def test_where_none_is_published_there_is_nothing_to_prove(published):
    published([], [])


@pytest.mark.parametrize("answers", [(["3 1 1 " + "0" * 64],), (["3 1 1 {}"], []), (["3 0 1 {}"],)])
def test_a_certificate_other_than_the_published_one_fails_at_the_server_that_has_it(published, answers):
    with pytest.raises(AssertionError, match=rf"ns{len(answers)} has .*, port 25 serves 3 1 1 [0-9a-f]{{64}}"):
        published(*answers)


@pytest.fixture
def serving(tmp_path, monkeypatch):
    """A web server on loopback for a name this machine knows, with an authority this machine trusts."""
    chain, key = certificate("localhost")
    files = write_private(tmp_path / "web.crt", chain), write_private(tmp_path / "web.key", key)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setattr(checks, "policy_name", lambda _domain: f"localhost:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Serves what ``server.content`` says, and ``server.status``."""

    def do_GET(self):
        self.send_response(self.server.status if self.path == mta_sts.POLICY_PATH else 404)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.content.encode())

    def log_message(self, *_):
        pass


def look(made, serving, content, status=200):
    serving.content, serving.status = content, status
    checks.test_mta_sts_policy_is_served(made.fleet.domains[0], made)


def test_a_policy_that_is_served_as_it_is_meant_is_proven(made, serving):
    content = mta_sts.policy_text(made.fleet, made.fleet.domains[0])
    look(made, serving, content)
    look(made, serving, content.replace("\r\n", "\n"))


def test_another_policy_fails(made, serving):
    with pytest.raises(AssertionError, match=r"localhost:\d+ serves 'version: STSv1 mode: testing"):
        look(made, serving, "version: STSv1\r\nmode: testing\r\nmx: mx1.example.com\r\nmax_age: 604800\r\n")


def test_a_redirect_is_not_followed(made, serving):
    with pytest.raises(AssertionError, match=r"answers 301; serve there what `postwright show policies` prints"):
        look(made, serving, "", status=301)


@pytest.mark.usefixtures("serving")
def test_a_certificate_nobody_vouches_for_is_a_failure_and_silence_is_unknown(made, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    with pytest.raises(ssl.SSLCertVerificationError):
        checks.test_mta_sts_policy_is_served(made.fleet.domains[0], made)
    monkeypatch.setattr(checks, "policy_name", lambda _domain: "localhost:1")
    with pytest.raises(UnknownError, match=r"https://localhost:1/.well-known/mta-sts.txt: no answer"):
        checks.test_mta_sts_policy_is_served(made.fleet.domains[0], made)
