"""Ports looked at from outside: by sslyze, which lives in an environment of its own, and by Postfix's posttls-finger."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from postwright.lab import box, state

_HERE = Path(__file__).parent
_WANTED = _HERE / "scanner.txt"
_SCANNER = Path(sys.prefix) / "sslyze"
_CA = "/run/lab-authority.pem"


def scanner():
    """The Python that has sslyze; made at the first call, and anew when what is wanted changes."""
    made, python = _SCANNER / "made-of.txt", _SCANNER / "bin/python"
    if not made.exists() or made.read_text() != _WANTED.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", _SCANNER], check=True)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", _WANTED]
        subprocess.run(install, check=True, timeout=300)
        made.write_text(_WANTED.read_text())
    return python


def scan(address, name, *ports, at_a_time=4):
    """Port → what it speaks and suffers from, see ``tls_scan.py``; few connections at a time, for two cores."""
    command = [scanner(), _HERE / "tls_scan.py", address, name, str(at_a_time), *map(str, ports)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return {int(port): found for port, found in json.loads(done.stdout).items()}


@contextmanager
def old_server(folder, port):
    """A server on this machine that speaks all this machine's OpenSSL can, back to TLS 1.0, and lets clients renegotiate."""
    pair = ["-keyout", folder / "old.key", "-out", folder / "old.crt"]
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=old.test", *pair]
    subprocess.run(request, check=True, capture_output=True)
    speak = ["-cert", folder / "old.crt", "-key", folder / "old.key", "-cipher", "ALL:@SECLEVEL=0"]
    server = subprocess.Popen(
        ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", *speak, "-client_renegotiation"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        server.kill()
        server.communicate()


def finger(lab, who, level, destination, *names):
    """What posttls-finger on a host says of a destination, with the lab's authority as the only one it trusts."""
    box.run(lab, who, f"cat >{_CA}", input=state.load(lab).ca_certificate.read_text())
    command = ["posttls-finger", "-c", "-L", "summary,untrusted", "-l", level, "-F", _CA, destination, *names]
    done = box.run(lab, who, ["runuser", "-u", "postfix", "--", *command], check=False)
    return done.stdout + done.stderr
