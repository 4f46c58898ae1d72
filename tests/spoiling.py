"""A plausible mistake for each service's configuration, in its program's own words; and what the program says of it.

Promise: a file is spoilt by lines at its end, as a template with a typing error would have them. Where a program tells the
line, the pattern asks for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """What is added to the file, and a pattern that the complaint must contain."""

    service: str
    path: str
    added: str
    said: str


def _unit(service, name, added, said):
    path = f"/etc/systemd/system/{name}"
    return Mistake(service, path, added, rf"{re.escape(path)}:\d+: {said}|{re.escape(name)}: {said}")


MISTAKES = (
    Mistake("base", "/etc/chrony/chrony.conf", "makestp 1.0 3\n", r"at line \d+ in file /etc/chrony/chrony\.conf"),
    Mistake("resolver", "/etc/unbound/unbound.conf", "server:\n  cache-mx-ttl: 60\n", r"/unbound\.conf:\d+: error"),
    Mistake("firewall", "/etc/postwright/firewall.nft", "add rule inet postwright inputs drop\n", r"/firewall\.nft:\d+:"),
    Mistake("bans", "/etc/postwright/bans.nft", "add rule inet postwright_bans inputs drop\n", r"/bans\.nft:\d+:"),
    Mistake("limits", "/etc/postwright/limits.json", ",\n", r"/etc/postwright/limits\.json"),
    Mistake("pacing", "/etc/postwright/pacing.json", ",\n", r"/etc/postwright/pacing\.json"),
    Mistake("relay", "/etc/postfix/relay_password", "mx.bigmail.test shop:secret\n", r"/etc/postfix/relay_password"),
    Mistake("mta-sts", "/etc/mta-sts-daemon.yml", "host: [\n", r'/etc/mta-sts-daemon\.yml", line \d+'),
    Mistake("tls-gate", "/etc/postwright/tls-gate/tlsgate/__init__.py", "import resolv\n", r"__init__\.py\", line \d+"),
    Mistake("opendkim", "/etc/opendkim.conf", "Mods sv\n", r"/etc/opendkim\.conf: .*line \d+"),
    Mistake("opendkim-ed25519", "/etc/opendkim-ed25519.conf", "Mods sv\n", r"/opendkim-ed25519\.conf: .*line \d+"),
    Mistake("ssh", "/etc/postwright/sshd.conf", "PermitRootLogn no\n", r"/00-postwright\.conf: line \d+"),
    Mistake("upgrades", "/etc/postwright/upgrades.conf", 'Dpkg::Options "x\n', r"/etc/postwright/upgrades\.conf:\d+"),
    Mistake("acme", "/etc/postwright/acme/acme.json", ",\n", r"acme\.json"),
    Mistake("policies", "/etc/nginx/nginx.conf", "worker_conections 10;\n", r"/etc/nginx/nginx\.conf:\d+"),
    _unit("mailboxes", "postwright-mail-keep.timer", "[Timer]\nOnCalendar=\nOnCalendar=dayly\n", "Failed to parse calendar"),
    Mistake("submission", "/etc/dovecot/dovecot.conf", "auth_mechanism = plain\n", r"/etc/dovecot/dovecot\.conf line \d+"),
    Mistake("fail2ban", "/etc/fail2ban/jail.d/postwright.local", "[sshd]\nfilter = shd\n", r"shd"),
    Mistake("outbound", "/etc/postfix/tls_policy", "/[/ encrypt\n", r"/etc/postfix/tls_policy, line \d+"),
    Mistake("postfix", "/etc/postfix/main.cf", "smtpd_tls_securty_level = may\n", r"/etc/postfix/main\.cf: .*smtpd_tls_securty_level"),
    Mistake("audit", "/etc/audit/rules.d/50-postwright.rules", "-w /etc/hosts -p wa\n", r"\d+:-w /etc/hosts"),
    # A second file of those that have several a program reads; they go into runs of their own.
    Mistake("postfix", "/etc/postfix/master.cf", "smtpx inet n - y -\n", r"/etc/postfix/master\.cf: line \d+"),
    _unit("limits", "postwright-limits.service", "[Servce]\n[Service]\nExecStart=\n", "Unit|Service"),
    Mistake("tls-gate", "/etc/systemd/system/postwright-tls-gate.service", "[Service]\nExecStart=tlsgate -x\n", r"tls-gate\.service"),
    _unit("acme", "postwright-acme.timer", "[Timer]\nOnCalendar=\nOnCalendar=dayly\n", "Failed to parse calendar"),
)  # fmt: skip


def runs(at_once):
    """The mistakes in sets, each for one run: none has two of a service, and neighbours of the deploy are apart."""
    first: dict[str, Mistake] = {}
    for it in MISTAKES:
        first.setdefault(it.service, it)
    rest = [it for it in MISTAKES if it not in first.values()]
    return [*(list(first.values())[start::at_once] for start in range(at_once)), rest]


def complaints(text):
    """Service → what its own checker said, as an apply shows it."""
    parts = re.split(r"^(?:.*: )?(\S+) refuses its configuration ", text, flags=re.MULTILINE)
    found: dict[str, str] = {}
    for service, said in zip(parts[1::2], parts[2::2], strict=True):
        found[service] = found.get(service, "") + said
    return found
