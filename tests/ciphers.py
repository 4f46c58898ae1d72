"""Which ciphers a port agrees to, found out as a scanner does: offer all, strike out what it takes, offer the rest."""

from __future__ import annotations

import smtplib
import socket
import ssl

EVERY = "ALL:COMPLEMENTOFALL"


def offer(address, port, name, ciphers, version=ssl.TLSVersion.TLSv1_2):
    """The cipher agreed to for this offer of one protocol version, or None if the port refuses it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_ciphers(ciphers)
    client.minimum_version = client.maximum_version = version
    try:
        with _stream(address, port) as stream, client.wrap_socket(stream, server_hostname=name) as secured:
            return secured.cipher()[0]
    except (ssl.SSLError, ConnectionError):
        return None


def _stream(address, port):
    """A connection at the point where TLS begins."""
    if port in {443, 465}:
        return socket.create_connection((address, port), timeout=15)
    client = smtplib.SMTP(address, port, timeout=15)
    client.ehlo()
    assert client.docmd("STARTTLS")[0] == 220
    client.file = None
    return client.sock


def agreed(address, port, name):
    """All TLS 1.2 ciphers the port agrees to, in its order of preference or ours."""
    found: list[str] = []
    while cipher := offer(address, port, name, ":".join((EVERY, *(f"!{it}" for it in found), "@SECLEVEL=0"))):
        found.append(cipher)
    return found
