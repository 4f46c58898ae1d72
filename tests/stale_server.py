"""A second authoritative server for the zone of a lab's sending domain, which can fall behind the first, or fall silent.

It runs on the lab's name server's host, on a port of its own, and follows the first by NOTIFY and zone transfer (RFC 1996,
RFC 1995), a second later: that is how long the first waits before it tells. Promise: ``close`` leaves the first as it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from postwright.lab import box, state
from postwright.lab.layout import SENDING_DOMAIN

PORT = 5353
_UNIT = "second-knot"
_FIRST = "/etc/knot/knot.conf"
_FIRST_BEFORE = "/etc/knot/knot.conf.alone"
_SECOND = f"/etc/{_UNIT}/knot.conf"
_KNOTC = f"knotc -b -c {_SECOND}"
_SECONDS = 20.0
_POLL = 0.02

# What the first server's configuration gains: whom to tell of changes. A section must stand before what refers to it.
_TOLD = f"remote:\\n  - id: second\\n    address: {{v4}}@{PORT}\\n    key: postwright\\n\\ntemplate:"
_CONFIGURATION = """
server:
    rundir: /run/{unit}
    listen: [ {v4}@{port} ]
    udp-workers: 1
    tcp-workers: 2
    background-workers: 1
log:
  - target: syslog
    any: info
database:
    storage: /var/lib/{unit}
    journal-db-max-size: 64M
key:
  - id: postwright
    algorithm: hmac-sha256
    secret: {tsig}
remote:
  - id: first
    address: {v4}@53
    key: postwright
acl:
  - id: first
    key: postwright
    action: notify
template:
  - id: default
    storage: /var/lib/{unit}
    zonefile-sync: -1
    master: first
    acl: first
zone:
{zones}
"""
_INSTALL = f"""
set -e
install -d -o knot -g knot -m 0750 /etc/{_UNIT}
(umask 077; cat >{_SECOND}); chown knot {_SECOND}
test -e {_FIRST_BEFORE} || cp -p {_FIRST} {_FIRST_BEFORE}
sed -e 's/^template:/{{told}}/' -e 's/^    acl: operator$/&\\n    notify: second/' {_FIRST_BEFORE} >{_FIRST}.new
cat {_FIRST}.new >{_FIRST}; rm {_FIRST}.new
knotc -b reload
"""
_START = (
    f"systemctl reset-failed {_UNIT} 2>/dev/null; systemctl is-active --quiet {_UNIT} || "
    f"systemd-run --quiet --collect --unit={_UNIT} -p Type=notify -p User=knot -p RuntimeDirectory={_UNIT} "
    f"-p StateDirectory={_UNIT} -p Environment=KNOT_CONF_MAX_SIZE=512 knotd -c {_SECOND}"
)
_REMOVE = f"""
systemctl stop {_UNIT} 2>/dev/null
rm -rf /etc/{_UNIT} /var/lib/{_UNIT}
if test -e {_FIRST_BEFORE}; then cat {_FIRST_BEFORE} >{_FIRST} && rm {_FIRST_BEFORE} && knotc -b reload; fi
"""


@dataclass(frozen=True)
class StaleServer:
    """The second server of a running lab; entering the block starts it, in step with the first; leaving it removes it."""

    lab: str

    @property
    def address(self):
        return state.load(self.lab).nameserver

    @property
    def zones(self):
        """Where keys and policies are."""
        return (SENDING_DOMAIN,)

    @property
    def servers(self):
        """Both, as a zone of the inventory names them."""
        return [self.address, f"{self.address}@{PORT}"]

    @property
    def code(self):
        """For ``Operator.changed``: an inventory in which these zones are served by both."""
        return f'[it.update(servers={self.servers!r}) for it in fleet["zones"] if it["name"] in {self.zones!r}]'

    def __enter__(self) -> Self:
        tsig = state.load(self.lab).tsig.secret_file.read_text().strip()
        zones = "".join(f"  - domain: {zone}\n" for zone in self.zones)
        text = _CONFIGURATION.format(unit=_UNIT, v4=self.address, port=PORT, tsig=tsig, zones=zones)
        box.run(self.lab, "ns", _INSTALL.format(told=_TOLD.format(v4=self.address)), input=text)
        self.follow()
        return self

    def __exit__(self, *_):
        self.close()

    def follow(self):
        """Answer, and be in step with the first: now, and from now on."""
        box.run(self.lab, "ns", f"{_START}; {_KNOTC} zone-thaw >/dev/null && {_KNOTC} zone-refresh >/dev/null")
        self._wait_until_in_step()

    def freeze(self):
        """From now on answer with what is known now."""
        self._wait_until_in_step()
        box.run(self.lab, "ns", f"{_KNOTC} zone-freeze")

    def stop(self):
        """From now on give no answer."""
        box.run(self.lab, "ns", f"systemctl stop {_UNIT}")

    def close(self):
        """Remove it."""
        box.run(self.lab, "ns", _REMOVE)

    def serials(self, port):
        """The serial of each zone as the server on this port has it; None: no answer with authority."""
        return [self._serial(zone, port) for zone in self.zones]

    def _serial(self, zone, port):
        query = dns.message.make_query(f"{zone}.", "SOA", flags=0)
        try:
            answer = dns.query.udp(query, self.address, timeout=1, port=port).answer
        except (dns.exception.DNSException, OSError):
            return None
        return next((rrset[0].serial for rrset in answer if rrset.rdtype == dns.rdatatype.SOA), None)

    def _wait_until_in_step(self):
        deadline = time.monotonic() + _SECONDS
        while None in (first := self.serials(53)) or first != self.serials(PORT):
            assert time.monotonic() < deadline, f"{self.lab}: {first} at the first, {self.serials(PORT)} at the second"
            time.sleep(_POLL)
