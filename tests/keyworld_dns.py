"""The name servers of the world of ``keyworld``, and what they are asked and told."""

from keyworld_parts import KEEP, public_of

from postwright.dns.diff import Three, diff
from postwright.dns.kinds import delegation
from postwright.dns.plan import DnsPlan, RRset
from postwright.dns.record import Record
from postwright.dns.survey import holds_still
from postwright.errors import ProviderError


class Dns:
    """Servers of which the first is written to, and the caches of all who ever asked one."""

    def _plan_dns(self, fleet, keys, *_paths, known=DnsPlan(()), **_terms):  # noqa: B008 - frozen
        self.pause()
        if self.servers[0].down:
            raise ProviderError("the name server does not answer")
        wanted = {zone.name: [] for zone in fleet.zones}
        for record in delegation.keys(fleet, keys):
            wanted[fleet.zone_of(record.name).name].append(record)
        before = {it.zone: it for it in known.zones if holds_still(it, self.ledger[it.zone], wanted[it.zone])}
        return DnsPlan(tuple(before.get(it) or self._zone(it, tuple(found)) for it, found in wanted.items()))

    def _zone(self, zone, desired):
        names = {record.name for record in (*desired, *self.ledger[zone])}
        texts = self.servers[0].texts
        live = tuple(RRset(it, "TXT", self.config.ttl, (texts[it],)) for it in sorted(names & texts.keys()))
        return diff(zone, Three(self.ledger[zone], live, desired))

    def _add(self, plan, *_rest):
        self._write([change for zone in plan.zones for change in zone.additive])
        return ()

    def _remove(self, plan, *_rest):
        self.pause()
        self._write([change for zone in plan.zones for change in zone.subtractive])
        self.ledger |= {zone.zone: zone.ours for zone in plan.zones}
        self.pause()
        return ()

    def _write(self, changes):
        if changes and self.servers[0].down:
            raise ProviderError("the name server does not answer")
        for change in changes:
            self._note(change)
            self.servers[0].texts.pop(change.name, None)
            self.servers[0].texts.update((change.name, value) for value in change.new)
            zone = next(zone for zone in self.ledger if change.name.endswith(zone))
            self.ledger[zone] = (*self.ledger[zone], *(Record(change.name, "TXT", change.ttl, it) for it in change.new))
        self.sync()

    def _note(self, change):
        """When a key that signed was revoked, and whether it stayed so long enough."""
        p = {public_of(value) for value in change.new}
        if p == {""}:
            self.revoked.setdefault(change.name, self.now)
            return
        since = self.revoked.pop(change.name, None)
        used = {public_of(value) for value in change.old} & set().union(*self.used.values()) or since
        if used and p != {public_of(value) for value in change.old} and not (since and self.now - since >= KEEP):
            self.too_early.append(change.name)

    def _await_servers(self, _made, records, _phase, _otherwise):
        self.pause()
        self.sync()
        for server in self.servers:
            if server.down or any(server.texts.get(it.name) != it.rdata for it in records):
                raise ProviderError("not every name server shows the new records")
