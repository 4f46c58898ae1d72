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

from postwright.dns.kinds.dkim import public_part
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
        self.patch = pytest.MonkeyPatch()
        self.world.patched(self.patch)
        self.signed, self.wanted, self.seen, self.published = set(), set(), {}, {}
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
        self.world.start(Terms(back=back, force=True))

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
        if keys := self.pairs("published"):
            domain, selector = data.draw(st.sampled_from(keys))
            if not any(self.world.can_sign(host, domain) & {it for it in self.world.under_way() if it.selector == selector} for host in HOSTS):
                self.world.take_out(self.world.home(domain, selector))

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

    def pairs(self, *states):
        """The keys in one of these states."""
        ring = self.world.ring
        return [(domain, it.selector) for domain in ring.domains() for it in ring.keys(domain) if it.state in states]

    # What must hold, between any two pauses

    @invariant()
    def all_holds(self):
        if hasattr(self, "world"):
            self.every_signature_verifies()
            self.no_host_signs_with_a_key_that_was_not_confirmed()
            self.no_host_that_signed_goes_without_a_key()
            self.every_host_that_signed_has_a_key_it_may_sign_with()
            self.no_key_is_revoked_that_mail_still_needs()
            self.a_selector_of_our_own_never_has_two_keys()
            self.a_key_retires_only_when_all_hosts_were_proven_with_another()
            self.a_key_that_signed_stays_revoked_long_enough()
            self.nothing_but_a_fault_stops_an_apply()

    def every_signature_verifies(self):
        world = self.world
        for signed in world.under_way():
            if signed.p not in world.given_up:
                assert world.answers(signed) <= {signed.p}, f"{signed}"

    def no_host_signs_with_a_key_that_was_not_confirmed(self):
        for _host, signed in self.in_tables():
            assert "confirmed" in self.key(signed).history, f"{signed}"

    def no_host_that_signed_goes_without_a_key(self):
        world = self.world
        now = {(host, signed.domain) for host, signed in self.in_tables()}
        wanted = {(host, domain) for domain, it in wants_of(world.project.fleet).items() for host in it.hosts}
        lost = self.signed - now
        assert not world.process or not lost & wanted & self.wanted, f"{lost} sign no more"
        self.signed = now | (self.signed & wanted & self.wanted)
        self.wanted = wanted

    def every_host_that_signed_has_a_key_it_may_sign_with(self):
        world = self.world
        for domain, wants in wants_of(world.project.fleet).items():
            keys = world.ring.keys(domain)
            for host in wants.hosts:
                if (host, domain) in self.signed:
                    assert signing(keys, host, "rsa", wants), f"{host} has no key of {domain}"

    def no_key_is_revoked_that_mail_still_needs(self):
        for signed in self.world.under_way():
            if signed.p not in self.world.given_up:
                key = self.key(signed)
                assert (key.p, key.state in VALID) == (signed.p, True), f"{signed}: {key.state}"

    def a_selector_of_our_own_never_has_two_keys(self):
        for name, text in self.world.servers[0].texts.items():
            if name.endswith(f"._domainkey.{SHOP}") and (p := public_part(text)):
                assert self.published.setdefault(name, p) == p, name

    def a_key_retires_only_when_all_hosts_were_proven_with_another(self):
        world, wants = self.world, wants_of(self.world.project.fleet)
        for domain in world.ring.domains():
            for number, key in enumerate(world.ring.keys(domain)):
                if (self.seen.get((domain, number)), key.state) == ("active", "retiring") and domain in wants:
                    proven = {host: world.proven[host, domain] for host in wants[domain].hosts}
                    assert all(names and key.selector not in names for names in proven.values()), f"{key.selector}"
                self.seen[domain, number] = key.state

    def a_key_that_signed_stays_revoked_long_enough(self):
        early = [name for name in self.world.too_early if name not in self.compromised()]
        assert early == []

    def nothing_but_a_fault_stops_an_apply(self):
        kinds = {"", "done", "killed", "ProviderError", "DeployError", "ProofFailed"}
        assert self.world.ended.partition(":")[0] in kinds, self.world.ended

    def compromised(self):
        return {self.world.home(*key) for key in self.world.compromised}

    def in_tables(self):
        tables = self.world.tables
        return [(host, it) for host, table in tables.items() for found in table.values() for it in found]

    def key(self, signed):
        """The newest key of that selector."""
        return next(key for key in reversed(self.world.ring.keys(signed.domain)) if key.selector == signed.selector)


def test_no_history_leaves_mail_without_its_key(tmp_path):
    Rotation.base = tmp_path
    nightly = settings.get_profile("nightly")
    many = 3000 if settings().max_examples == nightly.max_examples else 40
    run_state_machine_as_test(
        Rotation,
        settings=settings(
            max_examples=many, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow], deadline=None
        ),
    )
