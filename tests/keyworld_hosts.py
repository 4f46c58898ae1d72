"""The hosts of the world of ``keyworld``: their tables, their queues, and the proof that they sign."""

from keyworld_parts import Signed, lying, names_of, public_of, signing

from postwright.errors import DeployError, UsageError
from postwright.hosts.plan import HostPlan
from postwright.hosts.planning import Planned
from postwright.keys import private
from postwright.proof import ProofFailed, Signature
from postwright.rotation import living
from postwright.rotation.queues import Queued


class Hosts:
    """Hosts that sign as they were told last, each switched as a whole or not at all."""

    def can_sign(self, host, domain):
        """What mail may leave a host with: what its table says, and what a session that began before still has."""
        before = {it for it in self.lying[host].get(domain, ()) if it.p in self.used[host]}
        return before.union(self.tables[host].get(domain, ()))

    def _reach(self, hosts):
        self.pause()
        if gone := self.down & {host.name for host in hosts}:
            raise DeployError(f"cannot reach {sorted(gone)}")

    def _queued(self, made, keys):
        if not keys:
            return ()
        self._reach(made.fleet.hosts)
        found = {(it.domain, it.selector, message.host) for message in self.queue for it in message.signatures}
        return tuple(Queued(host, domain, name, 1, 0, 0, ()) for domain, name, host in found if (domain, name) in keys)

    def _plan_hosts(self, _made, hosts, _terms=None):
        self.pause()
        there = {host: self._differs(host, held) for host, held in hosts.items() if host not in self.down}
        plans = tuple(
            HostPlan(host, (), (), (), reloads=("opendkim",) * differs, holds=tuple(hosts[host]))
            for host, differs in there.items()
        )
        return Planned(plans, {host: f"cannot reach {host}" for host in hosts if host in self.down})

    def _differs(self, host, held):
        return (names_of(self.tables[host]), names_of(self.lying[host])) != (signing(held), lying(held))

    def _apply_hosts(self, made, report=lambda _: None, *, hosts=None, terms=None):  # noqa: ARG002 - as the real one
        """As ``hosts.bundles.ready_bundle`` and the deploy: host by host, each as a whole or not at all."""
        keys = living.living(made)
        meant = [host for host in made.fleet.hosts if hosts is None or host.name in hosts]
        for host in meant:
            self.pause()
            if host.name not in self.down:
                self._switch(made, host, keys, report)
        if failed := self.down & {host.name for host in meant}:
            raise DeployError(f"cannot reach {sorted(failed)}")

    def _switch(self, made, host, keys, report):
        held = living.holdings(made.fleet, host, keys)
        there = signing(held)
        domains = made.fleet.domains_of(host)
        if lacking := [it.name for it in domains if it.name not in there and not it.delegated]:
            raise UsageError(f"host {host.name}: no confirmed DKIM key for {lacking}")
        if self._differs(host.name, held):
            table, all_held = (
                {domain: tuple(self._signed(domain, it) for it in sorted(names)) for domain, names in found.items()}
                for found in (there, lying(held))
            )
            self.tables[host.name], self.lying[host.name] = table, all_held
            self.used[host.name] |= {it.p for found in table.values() for it in found}
            report({"event": "changed", "host": host.name, "step": "opendkim"})

    def _signed(self, domain, selector):
        path = self.ring.pem(domain, selector)
        return Signed(domain, selector, private.public_text(private.loaded(path.read_bytes(), None, path)))

    def _prove(self, made, keys, _key_text, _first):
        self._reach(made.fleet.hosts)
        reasons = {}
        for host, held in keys.items():
            table = self.tables[host]
            for domain, names in signing(held).items():
                right = names_of(table).get(domain) == names and host not in self.broken
                if not right or any(self._at_first_server(it) != it.p for it in table[domain]):
                    reasons[domain] = f"{host}: {domain} is not signed as it should be"
                self.proven[host, domain] = set() if domain in reasons else names
        if reasons:
            raise ProofFailed(reasons)
        self.pause()
        return [Signature(host, it.domain, it.selector) for host, held in keys.items() for it in held]

    def _at_first_server(self, signed):
        return public_of(self.servers[0].texts.get(self.home(signed.domain, signed.selector), ""))
