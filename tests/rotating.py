"""A rotation as its operator sees it: applies under a clock that is moved on, and what came of them.

Promise: what is asserted is read from the keyring's files, the signers' tables, the name server and the receiver, not
from what postwright says of itself; and `assert_sound` holds after every step, whole or cut short.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
from inbox import Inbox, arrived, assert_all_signed, by_selector
from mailqueue import cut_off, flush, reconnect
from operators import Operator

from postwright.keys.key import Key
from postwright.keys.keyring import Keyring
from postwright.lab import mail, state
from postwright.lab.layout import SENDING_DOMAIN as DOMAIN

SELF = ("apply", "--yes", "--no-verify")
# On a host without what has nothing to do with keys: each service costs each of some hundred applies a step.
EVERY = """
fleet["keys"]["rotate_every"] = "90d"
fleet["firewall"], fleet["fail2ban"] = {"bans": False, "egress": False}, False
fleet["hardening"] = dict.fromkeys(("ssh", "upgrades", "sysctl", "audit", "apparmor"), False)
"""
BEFORE_PROOF = "before\thosts: run_script prove"

# What makes each step of a rotation due, counted from the one before. The old key lies on hosts for a day after the
# switch, retires for 7 days, and is revoked for 30.
PUBLISH, SWITCH, CLEAR = timedelta(days=91), timedelta(hours=1), timedelta(days=2)
REVOKE, DELETE = timedelta(days=8), timedelta(days=31)
ROTATION = (PUBLISH, SWITCH, CLEAR, REVOKE, DELETE)

# The crossings of `killing.py` that are transitions: what the keyring says of a key, its private half, what DNS is told,
# and what is asked of hosts and done there. All else is files of ours that say what was done, and steps that do nothing.
EVERY_CROSSING = bool(os.environ.get("POSTWRIGHT_EVERY_CROSSING"))
_TRANSITION = (
    r"\w+\t(rename \S+(lifecycle\.json .*|\.pem)|remove \S+/[^.]\S+\.pem|update .*)$|before\thosts:|at\tchanged"
)
_WORTHY = ".*" if EVERY_CROSSING else _TRANSITION
_VARYING, ANY = r"(?:pw\d{8}(?:-\d+)?|\d{8}T\d{6}\.\d{6}Z)", "ANY"  # selectors, and names of applied plans

_TABLES = "cat /etc/postwright/dkim/KeyTable /etc/postwright/dkim-ed25519/KeyTable 2>/dev/null || true"
_FILES = f"ls /etc/postwright/dkim*/{DOMAIN}/*.pem"


@dataclass
class Clock:
    """How many seconds later than it is postwright takes it to be."""

    seconds: int = 0

    def move(self, by: timedelta) -> None:
        self.seconds += int(by.total_seconds())


@dataclass(frozen=True)
class Course:
    """A project under a clock. All courses of a lab share keyring, ledger and clock, but for one with a ``copy`` of them."""

    operator: Operator
    clock: Clock
    copy: Path | None = None

    @property
    def lab(self):
        return self.operator.lab

    @property
    def directory(self) -> Path:
        """The keyring."""
        return (self.copy or state.load(self.lab).ssh_key.parent) / "keys"

    def run(self, *arguments, check=True):
        return self.operator.run(*arguments, check=check, clock=self.clock.seconds)

    def json(self, *arguments):
        return self.operator.json(*arguments, clock=self.clock.seconds)

    def apply(self, after=timedelta()):
        """Let time pass and apply; everything is sound afterwards."""
        self.clock.move(after)
        landed = self.json(*SELF)
        self.assert_sound()
        return landed

    def fails(self, after=timedelta(), *arguments):
        """Let time pass; an apply ends with status 1, and everything is sound. Gives what it said."""
        self.clock.move(after)
        done = self.run(*(arguments or SELF), check=False)
        assert done.returncode == 1, f"{done.returncode}: {done.stdout[-2000:]}\n{done.stderr}"
        self.assert_sound()
        return done.stderr

    def killed(self, crossing, after=timedelta(), **named):
        """Let time pass and apply until it crosses this for the first time (see ``killing.py``); 0: to its end."""
        self.clock.move(after)
        ended = self.operator.killed_at(crossing, *SELF, clock=self.clock.seconds, **named)
        self.assert_sound()
        return ended

    def paused(self, crossing, after=timedelta()):
        """Let time pass and apply; it stands still there for the time of the block, and then goes on."""
        self.clock.move(after)
        return self.operator.paused_at(crossing, *SELF, clock=self.clock.seconds)

    def keys(self) -> dict[str, Key]:
        """Selector → key, without those that are deleted."""
        return {key.selector: key for key in Keyring(self.directory).keys(DOMAIN) if key.state != "deleted"}

    def states(self):
        return {selector: key.state for selector, key in self.keys().items()}

    def in_state(self, *wanted):
        """The selectors of the keys in one of these states, oldest first."""
        return [selector for selector, found in self.states().items() if found in wanted]

    def listed(self):
        """Selector → state, as `keys list` shows it."""
        return {row["selector"]: row["state"] for row in self.json("keys", "list")}

    def tables(self, host=None):
        """The selectors the tables of a host's signers name for the domain."""
        return tables(self.operator, host)

    def assert_sound(self):
        """Some key is active; and every host is to sign with nothing but keys that may sign, and that DNS shows."""
        keys = self.keys()
        assert "active" in self.states().values(), self.states()
        for host in self.operator.hosts:
            selectors = self.tables(host)
            for selector in selectors:
                assert selector in keys, f"{host}: {selector} is not in the keyring: {self.states()}"
                assert keys[selector].state in {"confirmed", "active", "retiring"}, (
                    f"{host}: {selector}: {self.states()}"
                )
                assert p_in_dns(self.lab, selector) == keys[selector].p, f"{host}: {selector} is not in DNS"


def tables(operator, host=None):
    """The selectors the tables of a host's signers name for the domain."""
    lines = operator.on_host(_TABLES, host=host).stdout.splitlines()
    named = (line.split()[1].split(":") for line in lines if line and not line.startswith("#"))
    return {selector for domain, selector, _ in named if domain == DOMAIN}


def lying(operator, host=None):
    """The selectors of the domain's keys that lie on a host, to be signed with or gone back to."""
    return {Path(line).stem for line in operator.on_host(_FILES, host=host).stdout.split()}


def p_in_dns(lab, selector):
    """The ``p=`` of a selector's record, asked of the authoritative server; empty: revoked; None: no record."""
    query = dns.message.make_query(f"{selector}._domainkey.{DOMAIN}.", "TXT")
    answer = dns.query.tcp(query, state.load(lab).nameserver, timeout=10).answer
    texts = [b"".join(it.strings).decode() for rrset in answer if rrset.rdtype == dns.rdatatype.TXT for it in rrset]
    if not texts:
        return None
    (text,) = texts
    return next(tag.partition("=")[2] for tag in text.replace(" ", "").split(";") if tag.startswith("p="))


def shown(lab, selector):
    """What DNS has of a selector, in a word."""
    found = p_in_dns(lab, selector)
    return {None: "nothing", "": "revoked"}.get(found, "key")


def signed_with(lab, *hosts):
    """The selectors a message is signed with that is sent now, host by host; every signature is good."""
    described = state.load(lab)
    tokens = [mail.send(described, host=host) for host in hosts]
    verdicts = arrived(lab, tokens)
    assert_all_signed(verdicts)
    return [{it.selector for it in verdicts[token].dkim} for token in tokens]


def assert_delivered(traffic):
    """Every message the hosts took came, came once, and is signed well. Gives (host, selector) → how many."""
    inbox = Inbox(traffic.lab)
    verdicts = inbox.arrived(traffic.tokens)
    assert_all_signed(verdicts, traffic.domains)
    assert inbox.duplicates(traffic.tokens) == {}
    return by_selector(verdicts, traffic.sources)


def killed_everywhere(course, at_most):
    """Apply until nothing is left at which it could die anew; where it died."""
    dead = []
    while (ended := course.killed(_beyond(dead))).killed:
        dead.append(_where(ended))
        assert len(dead) <= at_most, dead
    assert ended.status == 0, ended.stderr
    return dead


def _beyond(dead):
    """A crossing that matters and at which no run has died yet."""
    known = "".join(f"(?!{re.escape(line).replace(ANY, _VARYING)}$)" for line in dead)
    return f"{known}(?:{_WORTHY})"


def _where(ended):
    """Its side and text, whatever the selectors: a new key is not named as one whose file a killed run left."""
    return re.sub(_VARYING, ANY, ended.crossings[-1].partition("\t")[2])


@contextmanager
def offline(lab, host) -> Iterator[None]:
    """For the time of the block the host reaches no other mail server."""
    cut_off(lab, host)
    try:
        yield
    finally:
        reconnect(lab, host)
        flush(lab, host)
