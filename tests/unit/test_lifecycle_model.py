"""Whatever the order of time, faults, deaths and wishes: no mail a receiver may look at is left without its key.

The real plan and apply run in a world of their own (``keyworld``), a pause at a time; between two pauses anything may
happen. ``HYPOTHESIS_PROFILE=nightly`` looks at many more histories.
"""

import shutil
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from keyworld import World
from keyworld_parts import CUSTOMER, SHOP, Config, Message
from keyworld_promises import Promises

from postwright.keys.key import VALID
from postwright.keys.signing import signing
from postwright.rotation.outlook import outlook
from postwright.rotation.periods import wants_of
from postwright.terms import Terms

HOSTS = "h1", "h2", "h3"
MINUTE, HOUR, DAY = 60, 3600, 86400
DOMAINS = st.sets(st.sampled_from([SHOP, CUSTOMER]))
PERIODS = st.sampled_from([None, "60d", "90d"])
FIXED = tuple(f"pw{number}" for number in range(1, 14))


def enough(hosts, per_host, algorithm, spare):
    """As many given selectors as the inventory demands, or more."""
    return FIXED[: 2 * (len(hosts) if per_host else 1) * (2 if "+" in algorithm else 1) + spare]


class Rotation(RuleBasedStateMachine):
    """Everything that may happen, and what must hold after each of it."""

    base = None  # a folder, given by the test

    @initialize(
        number=st.integers(1, 3),
        per_host=st.booleans(),
        algorithm=st.sampled_from(["rsa", "rsa+ed25519"]),
        rotate_every=PERIODS,
        ttls=st.sampled_from([(3600, 7200), (7200, 900)]),
        spare=st.integers(0, 1),
        started=st.booleans(),
    )
    def begin(self, number, per_host, algorithm, rotate_every, ttls, spare, started):
        shutil.rmtree(self.base / "keys", ignore_errors=True)
        (self.base / ".postwright" / "unproven").unlink(missing_ok=True)
        hosts = HOSTS[:number]
        selectors = enough(hosts, per_host, algorithm, spare)
        config = Config(hosts, hosts, per_host, algorithm, 2048, rotate_every, selectors, ttls[0])
        self.world = World(self.base, config, ttls[1], self.all_holds)
        self.promises = Promises(self.world)
        self.patch = pytest.MonkeyPatch()
        self.world.patched(self.patch)
        if started:
            self.apply(Terms(force=True))

    def teardown(self):
        if hasattr(self, "world"):
            self.world.kill()
            self.patch.undo()

    def apply(self, terms):
        self.world.start(terms)
        self.world.finish()

    # The operator

    @precondition(lambda self: not self.world.process)
    @rule(rotate=DOMAINS, settle=st.booleans())
    def starts_an_apply(self, rotate, settle):
        self.world.start(Terms(rotate=rotate, settle=settle, force=True))

    @precondition(lambda self: not self.world.process)
    @rule(back=DOMAINS)
    def starts_to_go_back(self, back):
        if there := back & {domain for domain, _ in self.pairs("retiring") if self.sign(domain)}:
            self.world.start(Terms(back=there, force=True))

    @precondition(lambda self: not self.world.process)
    @rule(data=st.data())
    def declares_a_key_compromised(self, data):
        if keys := self.pairs(*VALID, "revoked"):
            self.world.start(Terms(compromised=frozenset([data.draw(st.sampled_from(keys))]), force=True))

    @precondition(lambda self: not self.world.process)
    @rule(data=st.data())
    def has_a_retiring_key_revoked_before_its_time(self, data):
        if keys := self.pairs("retiring"):
            self.world.start(Terms(revoke=frozenset([data.draw(st.sampled_from(keys))]), force=True))

    @precondition(lambda self: not self.world.process)
    @rule(rotate=DOMAINS, settle=st.booleans())
    def applies(self, rotate, settle):
        self.apply(Terms(rotate=rotate, settle=settle, force=True))

    @precondition(lambda self: not self.world.process)
    @rule(days=st.lists(st.sampled_from([1, 8, 31, 61]), min_size=2, max_size=6), mended=st.booleans())
    def applies_by_itself_now_and_then(self, days, mended):
        if mended:
            self.all_is_mended()
        for number in days:
            self.world.advance(number * DAY)
            self.apply(Terms(force=True))

    @precondition(lambda self: not self.world.process)
    @rule(rotate=DOMAINS, settle=st.booleans(), pauses=st.integers(1, 22))
    def applies_twice_as_the_first_is_killed(self, rotate, settle, pauses):
        self.world.start(Terms(rotate=rotate, settle=settle, force=True))
        self.world.go_on(pauses)
        self.world.kill()
        self.apply(Terms(force=True))

    @precondition(lambda self: self.world.process)
    @rule(pauses=st.integers(1, 30))
    def goes_on(self, pauses):
        self.world.go_on(pauses)

    @precondition(lambda self: self.world.process)
    @rule()
    def is_killed(self):
        self.world.kill()

    @precondition(lambda self: not self.world.process)
    @rule(
        shop=st.sets(st.sampled_from(HOSTS)),
        per_host=st.booleans(),
        algorithm=st.sampled_from(["rsa", "rsa+ed25519"]),
        bits=st.sampled_from([2048, 3072]),
        rotate_every=PERIODS,
        spare=st.integers(0, 1),
    )
    def edits_the_inventory(self, shop, per_host, algorithm, bits, rotate_every, spare):
        world = self.world
        hosts = tuple(host for host in world.config.hosts if host in shop)
        needed = enough(world.config.hosts, per_host, algorithm, spare)
        selectors = max(needed, world.config.selectors, key=len)
        world.nobody_waits()
        world.config = Config(
            world.config.hosts, hosts, per_host, algorithm, bits, rotate_every, selectors, world.config.ttl
        )

    # The world

    @rule(seconds=st.sampled_from([MINUTE, 10 * MINUTE, HOUR, 3 * HOUR, DAY, 5 * DAY, 8 * DAY, 31 * DAY]))
    def time_goes_by(self, seconds):
        self.world.advance(seconds)

    @rule(seconds=st.sampled_from([10, HOUR, 10 * DAY, 400 * DAY]))
    def the_operators_clock_goes_back(self, seconds):
        self.world.behind += timedelta(seconds=seconds)

    @rule()
    def the_operators_clock_is_set_right(self):
        """All that waits by it waits less: as if time went by for everybody."""
        behind, self.world.behind = self.world.behind, timedelta()
        self.world.advance(behind.total_seconds())

    @rule(host=st.sampled_from(HOSTS), domain=st.sampled_from([SHOP, CUSTOMER]), held=st.booleans())
    def mail_is_queued(self, host, domain, held):
        if found := self.world.tables[host].get(domain):
            self.world.queue.append(Message(host, found, self.world.now, held))

    @rule(host=st.sampled_from(HOSTS), domain=st.sampled_from([SHOP, CUSTOMER]), held=st.booleans())
    def mail_is_queued_by_sessions_that_began_long_ago(self, host, domain, held):
        for signed in sorted(self.world.can_sign(host, domain), key=lambda it: it.selector):
            self.world.queue.append(Message(host, (signed,), self.world.now, held))

    @precondition(lambda self: not self.world.process)
    @rule(data=st.data())
    def somebody_takes_a_key_out_of_dns_that_is_about_to_be_used(self, data):
        signed = {(it.domain, it.selector) for it in self.world.under_way()}
        if keys := [pair for pair in self.pairs("published") if pair not in signed and self.sign(pair[0])]:
            self.world.take_out(self.world.home(*data.draw(st.sampled_from(keys))))

    @rule()
    def held_mail_is_released(self):
        for message in self.world.queue:
            message.held = False

    @rule()
    def the_queues_are_emptied(self):
        self.world.queue = [message for message in self.world.queue if message.held]

    @rule(data=st.data(), number=st.integers(0, 1))
    def somebody_asks_for_a_key(self, data, number):
        if names := self.world.names():
            self.world.ask(data.draw(st.sampled_from(names)), number)

    @rule(number=st.integers(0, 1), down=st.booleans(), lags=st.booleans())
    def a_name_server_fails_or_recovers(self, number, down, lags):
        server = self.world.servers[number]
        server.down, server.lags = down, lags
        self.world.sync()

    @rule()
    def all_that_failed_recovers(self):
        self.all_is_mended()

    @rule(host=st.sampled_from(HOSTS), down=st.booleans(), broken=st.booleans())
    def a_host_fails_or_recovers(self, host, down, broken):
        (self.world.down.add if down else self.world.down.discard)(host)
        (self.world.broken.add if broken else self.world.broken.discard)(host)

    @rule(number=st.integers(2, 13))
    def the_owner_leads_selectors(self, number):
        self.world.led |= set(FIXED[:number])

    @precondition(lambda self: not self.world.process)
    @rule()
    def once_faults_stop_what_is_due_gets_done(self):
        world = self.world
        self.all_is_mended()
        for hours in (25, 3, 3, 3, 3, 3):
            world.advance(hours * HOUR)
            self.apply(Terms(force=True))
            assert world.ended == "done", world.ended
            if not self.due():
                return
        raise AssertionError(f"never done: {self.due()}")

    def all_is_mended(self):
        world = self.world
        world.down, world.broken = set(), set()
        world.led |= set(FIXED)
        for server in world.servers:
            server.down = server.lags = False
        world.sync()

    def due(self):
        """The steps that lead to a key that signs."""
        return [
            it for it in outlook(self.world.project, Terms()).steps if it.is_new or it.to in {"confirmed", "active"}
        ]

    def sign(self, domain):
        """Whether all hosts have a key of a domain that nobody else has."""
        keys, wants = self.world.ring.keys(domain), wants_of(self.world.project.fleet).get(domain)
        found = [signing(keys, host, "rsa", wants) for host in wants.hosts] if wants else [None]
        return all(key and not key.compromised for key in found)

    def pairs(self, *states):
        """The keys in one of these states."""
        ring = self.world.ring
        return [(domain, it.selector) for domain in ring.domains() for it in ring.keys(domain) if it.state in states]

    # What must hold, between any two pauses

    @invariant()
    def all_holds(self):
        if hasattr(self, "promises"):
            self.promises.all_hold()


def test_no_history_leaves_mail_without_its_key(tmp_path):
    Rotation.base = tmp_path
    nightly = settings.get_profile("nightly")
    many = 1500 if settings().max_examples == nightly.max_examples else 25
    run_state_machine_as_test(
        Rotation,
        settings=settings(
            max_examples=many, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow], deadline=None
        ),
    )
