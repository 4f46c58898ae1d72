"""What must hold in the world of ``keyworld``, between any two pauses of the operator's process."""

from keyworld_parts import SHOP

from postwright.dns.kinds.dkim import public_part
from postwright.keys.key import VALID
from postwright.keys.lifecycle import COMPROMISED
from postwright.keys.signing import signing
from postwright.rotation.periods import wants_of


class Promises:
    """The promises to whom mail is sent, and to the operator; each is an assertion about a world."""

    def __init__(self, world):
        self.world = world
        self.signed, self.wanted = set(), set()  # (host, domain) seen to sign, and those that are to
        self.seen = {}  # domain, position → the state its key was in
        self.published = {}  # name → the public half first seen there
        self.latest = {}  # (domain, selector) → its newest key, now

    def all_hold(self):
        ring = self.world.ring
        self.latest = {(domain, key.selector): key for domain in ring.domains() for key in ring.keys(domain)}
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
        """A selector led to us gets a new key before that only if the one hosts signed with was compromised."""
        world = self.world
        latest = {world.home(*pair): key for pair, key in self.latest.items()}
        assert [name for name in world.too_early if latest[name].why != COMPROMISED] == []
        world.too_early.clear()

    def nothing_but_a_fault_stops_an_apply(self):
        kinds = {"", "done", "killed", "ProviderError", "DeployError", "ProofFailed"}
        assert self.world.ended.partition(":")[0] in kinds, self.world.ended

    def in_tables(self):
        tables = self.world.tables
        return [(host, it) for host, table in tables.items() for found in table.values() for it in found]

    def key(self, signed):
        return self.latest[signed.domain, signed.selector]
