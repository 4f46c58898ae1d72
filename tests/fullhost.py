"""An inventory in which every feature is asked for that a lab's host can have.

Promise: a new feature is added here once, and every test of a whole host has it.
"""

from postwright.lab import box, state

_INVENTORY = """
import pathlib as _pathlib
import subprocess as _subprocess

_secrets = _pathlib.Path(__file__).parent
for _name, _text in (
    ("relay-password", "secret\\n"),
    ("mailbox-hash", _subprocess.run(["openssl", "passwd", "-6", "reading"], capture_output=True, text=True).stdout),
):
    if not (_secrets / _name).exists():
        (_secrets / _name).touch(mode=0o600)
        (_secrets / _name).write_text(_text)
fleet["keys"]["algorithm"] = "rsa+ed25519"
fleet["pacing"] = {
    "relay": {"server": "mx.bigmail.test", "login": "shop", "password": {"file": str(_secrets / "relay-password")}},
}
host["mail_host"]["tls"] = "acme"
fleet["acme"] = {
    "contact": "ops@bigmail.test", "directory": _lab.acme_directory, "staging": _lab.acme_directory,
    "authority": str(_lab.ca_certificate),
}
fleet["outbound_tls"] = {"mta_sts": True, "policies": {"clinic.example": {"level": "encrypt"}}}
fleet["domains"][0]["mta_sts"] = {"mode": "testing", "policy_host": "hosts"}
fleet["mailboxes"] = {"reports@shop.test": {"password_hash": str(_secrets / "mailbox-hash"), "keep": "90d"}}
fleet["user_limits"] = {"messages_per_hour": 100000}
fleet["firewall"] = {"ssh_from": ["10.78.0.0/16", "fd78::/16"]}
fleet["hardening"] = {"ssh": {"second_factor": "%s"}}
"""
ON_TRIXIE, ON_BOOKWORM = _INVENTORY % "totp", _INVENTORY % "fido2"  # OpenSSH of Debian 12 cannot ask for a code alone
MAILBOX, READING = "reports@shop.test", "reading"
# It needs a module of the kernel, which a lab's host cannot count on.
NOT_HERE = {"wireguard"}


def trust_acme(lab):
    """Who sends in the lab trusts the lab's authority; from here on that of its ACME server too, which is new at each start."""
    root = box.run(lab, "ns", "until test -s /etc/pebble/root.pem; do sleep 0.2; done; cat /etc/pebble/root.pem").stdout
    with state.load(lab).ca_certificate.open("a") as file:
        file.write(root)
