"""Knot DNS, one configuration for all zones; they live in its journal and files, which are never written back."""

from pathlib import Path

from provider.backends import zone_texts
from provider.backends.server import DnsBackend, Place, launch

_CONFIGURATION = """
server:
    rundir: "{place.directory}"
    listen: 127.0.0.1@{place.port}
    udp-workers: 1
    tcp-workers: 4
    background-workers: 2
log:
  - target: "{place.log}"
    any: info
database:
    storage: "{place.directory}"
    journal-db-mode: asynchronous
key:
  - id: writer
    algorithm: hmac-sha256
    secret: {place.writer}
  - id: reader
    algorithm: hmac-sha256
    secret: {place.reader}
acl:
  - id: update
    action: update
    key: writer
template:
  - id: default
    storage: "{place.directory}"
    acl: update
    zonefile-sync: -1
    file: "%s.zone"
zone:
"""


def start(directory: Path) -> DnsBackend:
    """A server with every slot's zones."""
    place = Place(directory)
    configuration = _CONFIGURATION.format(place=place)
    for zone, text in zone_texts():
        (directory / f"{zone}.zone").write_text(text)
        configuration += f"  - domain: {zone}\n"
    file = directory / "knot.conf"
    file.write_text(configuration)
    return DnsBackend("knot", place, launch(["knotd", "-c", str(file)], "knot", place))
