"""Plugins of octoDNS that misbehave as real ones do. Each is the real octodns-powerdns, but for the one thing it does wrong."""

from collections.abc import Callable

import dns.query
import dns.rdatatype
import dns.zone
from octodns.record import Delete, Record
from octodns.record.rr import Rrset
from octodns_powerdns import PowerDnsProvider

between: list[Callable[[], None]] = []  # what others do right after a reading, one per reading


class Greedy(PowerDnsProvider):
    """Adds a change of its own to every plan, as plugins do for their health checks."""

    def _extra_changes(self, existing, desired, changes):  # noqa: ARG002 - octoDNS's signature
        return [Delete(record) for record in existing.records if record.name == "shop"]


class Watched(PowerDnsProvider):
    """Lets others write in between."""

    def populate(self, zone, target=False, lenient=False):
        exists = super().populate(zone, target, lenient)
        if between:
            between.pop(0)()
        return exists


class Trusting(PowerDnsProvider):
    """Believes every zone to exist, as octodns-bind does, and would make it."""

    def populate(self, zone, target=False, lenient=False):
        super().populate(zone, target, lenient)


class Leaky(PowerDnsProvider):
    """Has the secret in its URLs, and these in its errors."""

    def populate(self, zone, target=False, lenient=False):  # noqa: ARG002
        raise RuntimeError(f"403 for https://api.example/zones?key={self._sess.headers['X-API-Key']}&zone={zone.name}")


class Transfer(PowerDnsProvider):
    """Reads by zone transfer and octoDNS's own conversion of RRsets, as plugins for presentation format are to do."""

    def __init__(self, id, dns_port, **options):  # noqa: A002 - octoDNS's name
        super().__init__(id, **options)
        self.dns_port = dns_port

    def populate(self, zone, target=False, lenient=False):  # noqa: ARG002
        found = dns.zone.from_xfr(
            dns.query.xfr("127.0.0.1", zone.name, port=self.dns_port, relativize=False), relativize=False
        )
        rrsets = [
            Rrset(name.to_text(), dns.rdatatype.to_text(it.rdtype), it.ttl, [rdata.to_text() for rdata in it])
            for name, it in found.iterate_rdatasets()
            if it.rdtype != dns.rdatatype.SOA
        ]
        for record in Record.from_rrsets(zone, rrsets, lenient=True, source=self):
            zone.add_record(record, lenient=True)
        return True
