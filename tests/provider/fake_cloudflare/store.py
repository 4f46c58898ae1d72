"""The account: zones, their records, and the tokens that may use them."""

import copy
import secrets
import threading
from dataclasses import dataclass, field
from typing import Any

from provider.fake_cloudflare.rules import Refusal, check_neighbours, checked

ZONE_READ, DNS_READ, DNS_EDIT = "Zone:Read", "DNS:Read", "DNS:Edit"
ALL = frozenset({ZONE_READ, DNS_READ, DNS_EDIT})
Record = dict[str, Any]


@dataclass(frozen=True)
class Token:
    scopes: frozenset[str] = ALL
    zones: frozenset[str] | None = None  # names; None: all


@dataclass
class Zone:
    """``limit``: operations of a batch, by plan."""

    name: str
    limit: int = 200
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    records: dict[str, Record] = field(default_factory=dict)
    clock: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def create(self, given: Record) -> Record:
        with self.lock:
            record = checked({key: value for key, value in given.items() if key != "id"}, self.name)
            check_neighbours(record, self._at(record["name"]), self.name)
            self.clock += 1
            record |= {"id": secrets.token_hex(16), "meta": given.get("meta", {}), "created_on": self.clock}
            self.records[record["id"]] = record | {"modified_on": self.clock}
            return self.records[record["id"]]

    def change(self, identity: str, given: Record, *, overwrite: bool) -> Record:
        """PATCH, or PUT with ``overwrite``: what is not given falls back to its default, comment and tags too."""
        with self.lock:
            old = self._get(identity)
            kept = {key: old[key] for key in ("id", "meta", "created_on")} if overwrite else old
            if overwrite and {"type", "name"} - given.keys():
                raise Refusal(400, 9020, "type and name are required.")
            record = checked(kept | given | {"id": identity}, self.name)
            check_neighbours(
                record, [other for other in self._at(record["name"]) if other["id"] != identity], self.name
            )
            self.clock += 1
            self.records[identity] = record | {"modified_on": self.clock}
            return self.records[identity]

    def delete(self, identity: str) -> Record:
        with self.lock:
            self._get(identity)
            return self.records.pop(identity)

    def batch(self, body: dict[str, Any]) -> dict[str, list[Record]]:
        parts = {part: body.get(part) or [] for part in ("deletes", "patches", "puts", "posts")}
        count = sum(map(len, parts.values()))
        if not count or count > self.limit:
            raise Refusal(400, 9300, f"A batch may have 1 to {self.limit} operations, not {count}.")
        with self.lock:
            before = copy.deepcopy(self.records)
            try:
                return {
                    "deletes": [self.delete(it["id"]) for it in parts["deletes"]],
                    "patches": [self.change(it["id"], it, overwrite=False) for it in parts["patches"]],
                    "puts": [self.change(it["id"], it, overwrite=True) for it in parts["puts"]],
                    "posts": [self.create(it) for it in parts["posts"]],
                }
            except Refusal:
                self.records = before
                raise

    def fill(self, count: int) -> None:
        """So many records of others, without looking for duplicates, which would take long."""
        for number in range(count):
            name = f"r{number:05}.{self.name}"
            record = checked({"type": "A", "name": name, "content": "192.0.2.77"}, self.name)
            self.records[f"{number:032x}"] = record | {"id": f"{number:032x}", "meta": {}, "created_on": number}

    def listed(self) -> list[Record]:
        with self.lock:
            return sorted(self.records.values(), key=lambda record: (record["name"], record["created_on"]))

    def _get(self, identity: str) -> Record:
        if identity not in self.records:
            raise Refusal(404, 81044, "Record does not exist.")
        if self.records[identity]["meta"].get("read_only"):
            raise Refusal(400, 1043, "This record is managed by another service and read only.")
        return self.records[identity]

    def _at(self, name: str) -> list[Record]:
        return [record for record in self.records.values() if record["name"] == name]


@dataclass
class Account:
    zones: dict[str, Zone] = field(default_factory=dict)  # by id
    tokens: dict[str, Token] = field(default_factory=dict)

    def add(self, name: str, **given: Any) -> Zone:
        zone = Zone(name, **given)
        self.zones[zone.id] = zone
        return zone

    def issue(self, scopes: frozenset[str] = ALL, zones: frozenset[str] | None = None) -> str:
        token = secrets.token_urlsafe(30)
        self.tokens[token] = Token(frozenset(scopes), zones)
        return token
