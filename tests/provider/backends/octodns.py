"""A real PowerDNS, written to by the real octodns-powerdns through its HTTP API; everybody else writes by DNS updates."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provider.backends import powerdns, secret_file
from provider.backends.powerdns import PowerDns
from provider.backends.server import DnsBackend

from postwright.model import Octodns, SecretSource

PLUGIN = "octodns_powerdns.PowerDnsProvider"


@dataclass
class OctodnsBackend(DnsBackend):
    """PowerDNS's API; ``threshold``: of a zone of ten RRsets six are ours, and the contract takes all of them away."""

    server: PowerDns = field(repr=False, kw_only=True)
    threshold: float = 1.0

    @property
    def secrets(self) -> tuple[str, ...]:
        return *super().secrets, self.server.api_key

    @property
    def endpoint(self) -> tuple[str, int]:
        return "127.0.0.1", self.server.api_port

    def provider(self, project: Path, **changes: Any) -> Octodns:
        """``plugin`` and ``whole_zone`` are the inventory's words, all other changes are options of the plugin."""
        key = secret_file(project, "api-key", changes.pop("text", self.server.api_key))
        words = {name: changes.pop(name) for name in ("plugin", "whole_zone", "secret_options") if name in changes}
        options = {
            "host": "127.0.0.1",
            "port": changes.pop("through", self.server.api_port),
            "update_pcent_threshold": self.threshold,
            "delete_pcent_threshold": self.threshold,
        }
        given = {"plugin": PLUGIN, "secret_options": {"api_key": SecretSource(file=key)}} | words
        return Octodns(kind="octodns", options=options | changes, **given)

    def zone_fields(self, _zone: str) -> dict[str, Any]:
        """Its port is not 53, so the NS records do not lead there."""
        return {"servers": (f"127.0.0.1@{self.place.port}",)}


def start(directory: Path) -> OctodnsBackend:
    """A server with every slot's zones and its API."""
    server = powerdns.launch(directory)
    return OctodnsBackend("octodns", server.place, server.process, server=server)
