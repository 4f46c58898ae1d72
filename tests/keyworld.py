"""A small honest world for the rotation of keys: hosts with tables and queues, name servers, caches of receivers, a clock.

The code under test is all real: plan and apply of ``postwright.apply``, ``rotation``, ``keys`` with a keyring on disk, the
DNS diff. Replaced is only what would leave this process: name servers, hosts, resolver, sleep and clock. Wherever that is
called, and before each write of the keyring, the operator's process pauses: others go on, or it dies.
"""

from collections import defaultdict
from datetime import timedelta
from functools import partial
from types import SimpleNamespace

import greenlet
from keyworld_dns import Dns
from keyworld_hosts import Hosts
from keyworld_parts import (
    CUSTOMER,
    LIFETIME,
    SERVERS,
    SHOP,
    START,
    ZONES,
    OneByOne,
    Server,
    cheap,
    project_for,
    public_of,
)
from support import PASSPHRASE

from postwright import apply as applying
from postwright import clock, material, publishing
from postwright.dns import owners
from postwright.errors import PostwrightError
from postwright.keys import keyring, private
from postwright.keys.keyring import Keyring
from postwright.rotation import living, outlook, proving


class Killed(greenlet.GreenletExit):
    """The operator's process ends where it stands."""


class World(Dns, Hosts):
    """``now`` is the time of all but the operator, whose clock may be ``behind``. One that runs ahead is as if time went by."""

    def __init__(self, base, config, negative_ttl, watch):
        self.base, self.config, self.negative_ttl = base, config, negative_ttl
        self.watch = watch  # called at every pause
        self.now, self.behind = START, timedelta()
        self.ring = Keyring(base / "keys")
        self.known = {}  # domain → its keys, as last read
        self.written = set()  # the domains in the keyring
        self.servers = [Server() for _ in range(SERVERS)]
        self.ledger = dict.fromkeys((*ZONES, "example.com"), ())
        self.led = set(config.selectors)
        self.tables = defaultdict(dict)  # host → domain → its signatures
        self.lying = defaultdict(dict)  # host → domain → what sessions that began before may sign with
        self.queue = []
        self.caches = defaultdict(dict)  # name → answer, None for "is not there" → until when somebody keeps it
        self.down, self.broken = set(), set()  # hosts that cannot be reached, and those whose proof fails
        self.proven = defaultdict(dict)  # (host, domain) → selectors
        self.used = defaultdict(set)  # host → the public halves of keys that were ever in its table
        self.given_up = set()  # public halves of keys the operator had revoked early, or said to be compromised
        self.taken_out = set()  # those of keys somebody else took out of DNS before they were used
        self.revoked = {}  # name → since when DNS says so
        self.too_early = []  # names that went without having been revoked long enough
        self.process = None
        self.ended = ""  # how the last process did

    @property
    def project(self):
        return project_for(self.base, self.config)

    # What the operator does

    def start(self, terms):
        self.given_up |= self._public(terms.compromised | terms.revoke)
        if terms.compromised:
            self.nobody_waits()
        self.process = greenlet.greenlet(lambda: self._run(self.project, terms))
        self.go_on()

    def _public(self, pairs):
        return {
            key.p for domain in self.ring.domains() for key in self.ring.keys(domain) if (domain, key.selector) in pairs
        }

    def _run(self, made, terms):
        (made.base / ".postwright").mkdir(exist_ok=True)
        try:
            expected = applying.make_plan(made, lambda _: None, terms)
            self.pause()
            applying.apply(made, expected, lambda _: None, lambda _host, _step: None, terms)
            self.ended = "done"
        except PostwrightError as error:
            self.ended = f"{type(error).__name__}: {error}"

    def pause(self):
        if greenlet.getcurrent() is self.process:
            self.process.parent.switch()

    def go_on(self, pauses=1):
        for _ in range(pauses):
            if self.process is not None:
                self.process.switch()
                self.process = None if self.process.dead else self.process
                self.everybody_asks()
                self.watch()

    def finish(self):
        while self.process is not None:
            self.go_on()

    def kill(self):
        if self.process is not None:
            self.ended = "killed"
            self.process.throw(Killed)
            self.process = None

    # What others do

    def everybody_asks(self):
        """At every pause somebody asks every server for every key, the worst that may happen to caches."""
        for name in self.names():
            for number in range(SERVERS):
                self.ask(name, number)

    def advance(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.queue = [it for it in self.queue if it.held or self.now - it.arrived <= LIFETIME]
        self.caches = defaultdict(
            dict, {name: {it: at for it, at in found.items() if at > self.now} for name, found in self.caches.items()}
        )

    def ask(self, name, number):
        """Somebody asks a server for a name, and keeps the answer."""
        server = self.servers[number]
        if not server.down:
            answer = server.texts.get(name)
            keep = self.config.ttl if answer else self.negative_ttl
            self.caches[name][answer] = self.now + timedelta(seconds=keep)

    def sync(self):
        for server in self.servers[1:]:
            if not server.lags and not server.down:
                server.texts = dict(self.servers[0].texts)

    def nobody_waits(self):
        """Where there is no other good key, one that was taken out of DNS is used though a cache says it is not there."""
        self.given_up |= self.taken_out

    def take_out(self, name):
        """Somebody else deletes the record of a key."""
        if text := self.servers[0].texts.pop(name, None):
            self.taken_out.add(public_of(text))
        self.sync()
        self.everybody_asks()

    def home(self, domain, selector):
        """Where the TXT of a key is."""
        name = f"{selector}._domainkey.{domain}"
        return name if domain == SHOP else f"{selector}._domainkey.customer.post.test"

    def names(self):
        return [self.home(domain, key.selector) for domain in self.ring.domains() for key in self.ring.keys(domain)]

    def answers(self, signed):
        """All public keys that a receiver may be told of for a signature now; None: there is none."""
        name = self.home(signed.domain, signed.selector)
        if signed.domain == CUSTOMER and signed.selector not in self.led:
            return {None}
        texts = {it.texts.get(name) for it in self.servers if not it.down} | self.caches.get(name, {}).keys()
        return {text and public_of(text) for text in texts}

    def under_way(self):
        """Every signature that a receiver may look at from now on: of queues, and of what is sent this moment."""
        queued = {it for message in self.queue for it in message.signatures}
        return queued | {
            it for host in self.tables for domain in self.lying[host] for it in self.can_sign(host, domain)
        }

    # What the operator's process meets in place of the world

    def patched(self, patch):
        for target, name, stand_in in (
            (clock, "now", lambda: self.now - self.behind),
            (material, "keyring_of", lambda _: self.ring),
            (material, "passphrase_of", lambda _: PASSPHRASE),
            (material, "certificate_digests", lambda _: {}),
            (private, "generate", cheap(private.generate)),
            (private, "encrypted", lambda made, _: private.plain(made)),
            (keyring, "write_atomically", self._write_file),
            (keyring, "ThreadPoolExecutor", OneByOne),
            (owners, "ThreadPoolExecutor", OneByOne),
            (Keyring, "domains", lambda _: sorted(self.written)),
            (Keyring, "keys", lambda ring, domain, read=Keyring.keys: self._read(read, ring, domain)),
            (owners, "waiting", self._waiting(owners.waiting)),
            (outlook, "queued", self._queued),
            (living, "ledger", SimpleNamespace(read=lambda _folder, zone: self.ledger[zone])),
            (applying, "time", SimpleNamespace(sleep=self._sleep)),
            (applying, "planning", SimpleNamespace(begun=lambda *asked: partial(self._plan_hosts, *asked))),
            (applying, "runner", SimpleNamespace(apply=self._apply_hosts)),
            (proving, "runner", SimpleNamespace(apply=self._apply_hosts)),
            (proving, "prove_signing", self._prove),
            (applying, "await_caches", self._await_caches(applying.await_caches)),
            (publishing, "time", SimpleNamespace(sleep=self._sleep)),
            (publishing, "service", SimpleNamespace(plan=self._plan_dns, apply_additive=self._add, apply_subtractive=self._remove)),
            (publishing, "_await_servers", self._await_servers),
            (publishing, "_keep", lambda *_: None),
            (publishing, "_negative_ttl", lambda *_: self.negative_ttl),
        ):  # fmt: skip
            patch.setattr(target, name, stand_in)

    def _write_file(self, path, content, *_mode):
        """That a file is replaced as a whole is proven elsewhere; to wait for the disk would take most of the time here."""
        self.pause()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.known.pop(path.parent.name, None)
        if path.suffix == ".json":
            self.written.add(path.parent.name)

    def _read(self, read, ring, domain):
        """What was read before, as long as nothing was written: it is asked for very often here."""
        if domain not in self.known:
            self.known[domain] = read(ring, domain)
        return self.known[domain]

    def _sleep(self, seconds):
        self.advance(seconds)
        self.pause()

    def _waiting(self, real):
        def resolve(name, _rdtype):
            selector = name.partition(".")[0]
            return (f"{selector}._domainkey.customer.post.test.",) if selector in self.led else ()

        return lambda fleet, selectors: real(fleet, selectors, resolve)

    def _await_caches(self, real):
        """Nobody asks for a name that no mail bears while nothing signs at all: what is not waited for, nobody has cached."""

        def forgotten(*arguments, **more):
            for domain, keys in living.living(self.project).items():
                for key in keys:
                    if key.state == "published" and key.usable == key.history["published"]:
                        self.caches.pop(self.home(domain, key.selector), None)
            self.pause()
            return real(*arguments, **more)

        return forgotten
