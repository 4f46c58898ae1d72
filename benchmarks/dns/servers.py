"""The servers the benchmark runs on: Knot or BIND with the scenario's zones, or the local server with Cloudflare's rules."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provider.backends import bind, cloudflare, knot, secret_file
from provider.backends.server import Place, launch, stop
from provider.fake_cloudflare import FakeCloudflare
from scenario import FILLER, TTL, Scenario

_HEAD = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A 127.0.0.1\n"


class DnsServer:
    """A name server with room for what is to be published; its last zone answers last."""

    def __init__(self, kind: str, scenario: Scenario, directory: Path) -> None:
        self.place = Place(directory)
        module = {"knot": knot, "bind": bind}[kind]
        configuration = module._CONFIGURATION.format(place=self.place)  # noqa: SLF001 - the tests' own
        for zone in scenario.zones:
            filler = "".join(f"r{number:05} A {FILLER}\n" for number in range(scenario.filler))
            (directory / f"{zone}.zone").write_text(_HEAD + filler)
            configuration += (
                f"  - domain: {zone}\n"
                if kind == "knot"
                else f'zone "{zone}" {{ type primary; file "{zone}.zone"; allow-update {{ key writer; }};'
                " allow-transfer { key writer; }; };\n"
            )
        if kind == "knot":  # with its default of 0.5 s octoDNS's transfer ended early in some runs
            configuration = configuration.replace("  tcp-workers: 4\n", "  tcp-workers: 4\n    tcp-io-timeout: 60000\n")
            configuration = configuration.replace("action: update\n", "action: [update, transfer]\n")
        file = directory / "server.conf"
        file.write_text(configuration)
        command = ["knotd", "-c", str(file)] if kind == "knot" else ["named", "-f", "-4", "-n", "1", "-c", str(file)]
        self.process = launch(command, kind, self.place, scenario.zones[-1])

    def stop(self) -> None:
        stop(self.process)

    def ours(self, project: Path) -> dict[str, Any]:
        secret = secret_file(project, "tsig", self.place.writer)
        return {
            "kind": "rfc2136",
            "server": "127.0.0.1",
            "port": self.place.port,
            "key_name": "writer",
            "secret": {"file": str(secret)},
        }

    def theirs(self) -> dict[str, Any]:
        return {
            "class": "octodns_bind.Rfc2136Provider",
            "host": "127.0.0.1",
            "port": self.place.port,
            "key_name": "writer",
            "key_secret": self.place.writer,
            "key_algorithm": "hmac-sha256",
        }

    def calls(self) -> dict[str, int]:
        """Counted by the clients."""
        return {}

    def log(self) -> str:
        """The end of what it has to say, for when something fails."""
        return f"server ended: {self.process.poll()}\n{self.place.log.read_text()[-1000:]}"


@dataclass
class CloudflareServer:
    """The API's rules on loopback; paid plans' batches are larger than its 200."""

    scenario: Scenario
    fake: FakeCloudflare = field(default_factory=FakeCloudflare)

    def __post_init__(self) -> None:
        for zone in self.scenario.zones:
            account = self.fake.account
            found = account.add(zone)
            found.fill(self.scenario.filler)
            for record in found.records.values():
                record |= {"ttl": TTL, "content": FILLER}
            cloudflare.Outsider(found, account).add(f"ns1.{zone}", "A", "127.0.0.1", ttl=TTL)
        self.token = self.fake.account.issue()

    def stop(self) -> None:
        self.fake.stop()

    def ours(self, project: Path) -> dict[str, Any]:
        source = {"file": str(secret_file(project, "token", self.token))}
        return {"kind": "cloudflare", "token": source, "api": self.fake.url}

    def theirs(self) -> dict[str, Any]:
        return {
            "class": "octodns_cloudflare.CloudflareProvider",
            "token": self.token,
            "api_url": self.fake.url,
            "pagerules": False,
        }

    def calls(self) -> dict[str, int]:
        """Since the last time this was asked."""
        reads = sum(call.method == "GET" for call in self.fake.calls)
        found = {"reads": reads, "writes": len(self.fake.calls) - reads}
        self.fake.calls.clear()
        return found

    def log(self) -> str:
        """The last calls."""
        return "\n".join(f"{call.method} {call.path}" for call in self.fake.calls[-10:])
