"""Goes on without private keys that are lost: what DNS shows of them is noted, so that they are replaced and seen to their end.

Promise: nothing is noted of a key that not every authoritative server shows alike; no private key is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from postwright import clock, material
from postwright.dns.kinds import delegation
from postwright.dns.shown import Shown, shown
from postwright.errors import DeployError
from postwright.inventory import Project
from postwright.keys.key import SIGNING, Key, Keys, State, record_name
from postwright.keys.published import Published, published
from postwright.rotation.strangers import Stranger, strangers, tables

LOST = "its private key is lost"
_LIVED: tuple[State, ...] = ("generated", "published", "confirmed", "active", "retiring")


@dataclass(frozen=True)
class Noted:
    """What is to be noted of one key. ``hosts``: where it lies; none for a key of the keyring."""

    domain: str
    hosts: tuple[str, ...]
    key: Key

    def __str__(self) -> str:
        where = f" (on {', '.join(self.hosts)})" if self.hosts else ""
        return f"{self.domain}: {self.key.selector}{where} is noted as {self.key.state}: {self.key.note}"


def notes(project: Project) -> list[Noted]:
    """What would be noted; asks hosts and name servers. DeployError if one does not answer, or two disagree."""
    lying, keyring, now = tables(project), material.keyring_of(project), clock.now()
    keys = keyring.read(sorted({domain for pairs in lying.values() for domain, _ in pairs}))
    found = strangers(lying, keys)
    in_question = sorted({domain for _, domain, _ in found})
    ours = [(domain, key) for domain in in_question for key in keys[domain] if key.state in SIGNING]
    pairs = {(domain, selector) for _, domain, selector in found} | {(domain, key.selector) for domain, key in ours}
    records = shown(
        project.fleet, [name for pair in sorted(pairs) if _is_ours(project, name := record_name(pair[1], pair[0]))]
    )
    _require_known(records.values())
    overtaken = (_overtaken(domain, key, records.get(record_name(key.selector, domain)), now) for domain, key in ours)
    return [*_lost(project, found, records, now), *(it for it in overtaken if it)]


def _is_ours(project: Project, name: str) -> bool:
    """Whether receivers who ask for the name end in a zone of the inventory."""
    return project.fleet.zone_of(delegation.home(project.fleet, name)) is not None


def _require_known(records: Collection[Shown]) -> None:
    problems = [it.problem for it in records if it.problem]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise DeployError(f"what DNS shows of the lost keys is not certain; mend that, then run again\n{lines}")


def _lost(project: Project, found: list[Stranger], records: dict[str, Shown], now: datetime) -> Iterator[Noted]:
    by_key: dict[tuple[str, str], list[str]] = {}
    for host, domain, selector in found:
        by_key.setdefault((domain, selector), []).append(host)
    for (domain, selector), hosts in by_key.items():
        own = hosts[0] if project.fleet.keys.per_host and len(hosts) == 1 else None
        record = records.get(record_name(selector, domain))
        yield Noted(domain, tuple(hosts), replace(_noted(selector, record, now), host=own))


def _noted(selector: str, record: Shown | None, now: datetime) -> Key:
    """The key as it will stand in the keyring. One DNS shows no use of has nothing to be drained."""
    if record is None:
        return _gone(selector, f"{LOST}, and its domain lies in no zone of the inventory", now)
    if record.text is None:
        return _gone(selector, f"{LOST}, and DNS has no record of it", now)
    try:
        there = published(record.text)
    except ValueError as error:
        return _gone(selector, f"{LOST}, and its record {error}", now)
    return _retiring(selector, there, record.text, now)


def _retiring(selector: str, there: Published, record: str, now: datetime) -> Key:
    history = dict.fromkeys(_LIVED, now)
    return Key(
        selector, "retiring", there.algorithm, there.bits, there.p, None, history, record=record, here=False, note=LOST
    )


def _gone(selector: str, note: str, now: datetime) -> Key:
    return Key(selector, "deleted", "rsa", 0, "", None, {"deleted": now}, here=False, note=note)


def _overtaken(domain: str, key: Key, record: Shown | None, now: datetime) -> Noted | None:
    """A key the keyring would sign with, though another copy of the keyring has taken it out of DNS since."""
    if record is None or _shows(record, key):
        return None
    gone = key.to("retiring", now).to(
        "revoked", now, note="DNS no longer shows it: another copy of the keyring moved on"
    )
    return Noted(domain, (), gone)


def _shows(record: Shown, key: Key) -> bool:
    try:
        return record.text is not None and published(record.text).p == key.p
    except ValueError:
        return False


def note(project: Project, found: Collection[Noted]) -> None:
    """Write it down; the next apply makes new keys, and sees the lost ones to their end."""
    by_domain: dict[str, dict[str, Key]] = {}
    for it in found:
        by_domain.setdefault(it.domain, {})[it.key.selector] = it.key
    material.keyring_of(project).update(by_domain, lambda domain, keys: _with(keys, by_domain[domain]))


def _with(keys: Keys, noted: dict[str, Key]) -> Keys:
    known = {key.selector for key in keys}
    changed = (noted[key.selector] if _is_changed(key, noted) else key for key in keys)
    return (*changed, *(key for selector, key in noted.items() if selector not in known))


def _is_changed(key: Key, noted: dict[str, Key]) -> bool:
    return key.state in SIGNING and key.selector in noted
