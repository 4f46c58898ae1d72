"""The keys of a fleet as an operator reads them: how old, in which state, what comes next and when. Connects to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from postwright import clock
from postwright.inventory import Project
from postwright.keys.key import Algorithm, Key, State
from postwright.keys.signing import Wants
from postwright.rotation.living import living
from postwright.rotation.periods import wants_for


@dataclass(frozen=True)
class Row:
    """One key. ``age``: days since it was made. ``next``: what an apply does with it, from the moment ``when`` on."""

    domain: str
    selector: str
    host: str | None
    algorithm: Algorithm
    bits: int
    state: State
    since: datetime
    age: int
    next: str
    when: datetime | None
    compromised: bool
    note: str
    p: str

    def to_json(self) -> dict[str, Any]:
        when = self.when and self.when.isoformat()
        return {**asdict(self), "since": self.since.isoformat(), "when": when}


def rows(project: Project, *, deleted: bool = False) -> list[Row]:
    """All keys, domain by domain, in the order they were made; those that are deleted only if asked for."""
    wanted, now = wants_for(project.fleet), clock.now()
    return [
        _row(domain, key, wanted(domain), now)
        for domain, keys in living(project).items()
        for key in keys
        if deleted or key.state != "deleted"
    ]


def _row(domain: str, key: Key, wants: Wants, now: datetime) -> Row:
    text, when = _next(key, wants)
    return Row(
        domain, key.selector, key.host, key.algorithm, key.bits, key.state, key.since, max(0, (now - key.created).days),
        text, when, key.compromised, key.note, key.p,
    )  # fmt: skip


def _next(key: Key, wants: Wants) -> tuple[str, datetime | None]:
    """What an apply will do with a key, and from when on."""
    every = wants.rotate_every
    table: dict[State, tuple[str, datetime | None]] = {
        "generated": ("published", None),
        "published": ("tried again" if key.held_back else "hosts sign with it", key.usable),
        "confirmed": ("hosts sign with it", None),
        "active": ("replaced", key.since + every) if every else ("", None),
        "retiring": ("revoked, once no queue holds mail it signed", key.since + wants.retire),
        "revoked": ("deleted", (key.told or key.since) + wants.keep_revoked),
        "deleted": ("", None),
    }
    urgent: dict[State, tuple[str, datetime | None]] = {"active": ("replaced", None), "retiring": ("revoked", None)}
    return urgent.get(key.state, table[key.state]) if key.compromised else table[key.state]


def lines(found: Sequence[Row], now: datetime) -> Iterator[str]:
    """A heading per domain, a line per key, and a line for what holds a key up."""
    columns = zip(*(_cells(row) for row in found), strict=True)
    widths = [max(map(len, column)) for column in columns]
    for domain, of_domain in groupby(found, key=lambda row: row.domain):
        yield domain
        for row in of_domain:
            cells = "  ".join(cell.ljust(width) for cell, width in zip(_cells(row), widths, strict=True) if width)
            yield f"  {cells}  {_then(row, now)}".rstrip()
            if row.note and (row.state == "retiring" or row.next == "tried again"):
                yield f"    {row.note}"


def _cells(row: Row) -> tuple[str, ...]:
    kind = f"RSA-{row.bits}" if row.algorithm == "rsa" else "Ed25519"
    danger = "COMPROMISED" if row.compromised else ""
    return row.selector, row.host or "", kind, f"{row.age} d old", row.state, danger


def _then(row: Row, now: datetime) -> str:
    if not row.next:
        return "stays until you rotate it" if row.state == "active" else ""
    if row.when is None or row.when <= now:
        return f"by the next apply: {row.next}"
    shown = f"{row.when:%Y-%m-%d}" if row.when.date() != now.date() else f"{row.when:%H:%M} UTC"
    return f"from {shown} on: {row.next}"
