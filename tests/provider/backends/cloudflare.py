"""Cloudflare's API, as far as it can be had here: a local server that enforces its documented rules (``fake_cloudflare``)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.rdata
from provider.backends import secret_file, zone_texts, zones_of
from provider.fake_cloudflare import FakeCloudflare
from provider.fake_cloudflare.rules import AUTO, DATA, quoted, strings_of
from provider.fake_cloudflare.store import Account, Zone

from postwright.model import Cloudflare, SecretSource

_AUTO_SECONDS = 300


@dataclass(frozen=True)
class Outsider:
    """Somebody at the dashboard: looks into the account itself. ``zone`` is where what is written goes."""

    zone: Zone
    account: Account

    def txt(self, name: str, *values: tuple[bytes, ...], ttl: int = 777) -> None:
        for value in values:
            self.zone.create({"name": name, "type": "TXT", "content": quoted(value), "ttl": ttl})

    def add(self, name: str, rdtype: str, value: str, ttl: int = 777) -> None:
        self.zone.create({"name": name, "type": rdtype, "ttl": ttl} | fields(rdtype, value))

    def delete(self, name: str, rdtype: str, *value: str) -> None:
        wanted = {_text(rdtype, text) for text in value}
        for record in self._at(name, rdtype):
            if not wanted or text_of(record) in wanted:
                self.zone.delete(record["id"])

    def strings(self, name: str) -> set[tuple[bytes, ...]]:
        return {strings_of(record["content"]) for record in self._at(name, "TXT")}

    def texts(self, name: str) -> set[str]:
        return {b"".join(strings).decode("latin-1") for strings in self.strings(name)}

    def values(self, name: str, rdtype: str) -> set[str]:
        return {text_of(record) for record in self._at(name, rdtype)}

    def ttl(self, name: str, rdtype: str) -> int:
        """One answer has one TTL: the least of its records."""
        return min(_AUTO_SECONDS if it["ttl"] == AUTO else it["ttl"] for it in self._at(name, rdtype))

    def _at(self, name: str, rdtype: str) -> list[dict[str, Any]]:
        zones = [zone for zone in self.account.zones.values() if f".{name}".endswith(f".{zone.name}")]
        return [it for zone in zones for it in zone.listed() if (it["name"], it["type"]) == (name, rdtype)]


def fields(rdtype: str, value: str) -> dict[str, Any]:
    """A presentation text as the API takes it."""
    if rdtype in DATA:
        return {"data": dict(zip(DATA[rdtype], (word.strip('"') for word in value.split()), strict=True))}
    if rdtype == "MX":
        priority, _, value = value.partition(" ")
        return {"priority": int(priority), "content": value}
    return {"content": value}


def text_of(record: dict[str, Any]) -> str:
    """What is served for a record."""
    match record["type"]:
        case "TXT":
            return _text("TXT", quoted(strings_of(record["content"])))
        case "MX":
            return _text("MX", f"{record['priority']} {record['content'].removesuffix('.')}.")
        case "CNAME" | "NS" | "PTR":
            return f"{record['content']}."
        case "CAA":
            data = record["data"]
            return _text("CAA", f'{data["flags"]} {data["tag"]} "{data["value"]}"')
        case rdtype:
            return _text(rdtype, record["content"])


def _text(rdtype: str, value: str) -> str:
    return dns.rdata.from_text("IN", rdtype, value).to_text()


class CloudflareBackend:
    """An account with every slot's zones. Each provider gets a token of its own, and so a rate budget of its own."""

    kind = "cloudflare"

    def __init__(self) -> None:
        self.fake = FakeCloudflare()
        for name, text in zone_texts():
            if not name.startswith("own."):
                self.fill(name, text)

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(self.fake.account.tokens)

    @property
    def endpoint(self) -> tuple[str, int]:
        return "127.0.0.1", self.fake.port

    def stop(self) -> None:
        self.fake.stop()

    def zones(self, slot: int) -> tuple[str, str]:
        return zones_of(slot)

    def provider(self, project: Path, **changes: Any) -> Cloudflare:
        token = changes.pop("text", None) or self.fake.account.issue()
        api = self.fake.url.replace(str(self.fake.port), str(changes.pop("through", self.fake.port)), 1)
        source = SecretSource(file=secret_file(project, "token", token))
        return Cloudflare(**{"kind": "cloudflare", "token": source, "api": api} | changes)

    def zone_fields(self, _zone: str) -> dict[str, Any]:
        return {}

    def outsider(self, zone: str) -> Outsider:
        (found,) = (it for it in self.fake.account.zones.values() if it.name == zone)
        return Outsider(found, self.fake.account)

    def settle(self, project: Path) -> None:
        """Nothing is left to a person."""

    def fill(self, name: str, text: str) -> None:
        """A new zone; SOA and NS of the apex are Cloudflare's own and never listed."""
        outsider = Outsider(self.fake.account.add(name), self.fake.account)
        for line in text.splitlines():
            match line.split():
                case [label, ("A" | "NS") as rdtype, value] if label != "@":
                    target = value if rdtype == "A" else f"{value}.{name}"
                    outsider.add(f"{label}.{name}", rdtype, target, ttl=3600)


def start(_directory: Path) -> CloudflareBackend:
    """A server with every slot's zones."""
    return CloudflareBackend()
