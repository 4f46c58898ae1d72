"""Takes over the keys a running installation signs with, so that no message is signed in any other way until one rotates.

Promise: a key enters the keyring as active only if every authoritative server shows that very key; its record keeps its text.
Nothing is written as long as anything is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from postwright import clock, material
from postwright.dns import owners
from postwright.dns.kinds import delegation
from postwright.dns.shown import Shown, short, shown
from postwright.errors import KeyringError
from postwright.inventory import Project
from postwright.keys import foreign, private
from postwright.keys.foreign import Entry
from postwright.keys.key import PENDING, SIGNING, Key, Keys, State
from postwright.keys.published import published

NOTE = "imported"
_LIVED: tuple[State, ...] = ("generated", "published", "confirmed", "active")


@dataclass(frozen=True)
class Taken:
    """A key that is fit to be taken over, and what the operator should know of it."""

    entry: Entry
    key: Key
    signer: private.SigningKey = field(repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Takeover:
    """``already``: in the keyring since an earlier import, of which this is the rest."""

    fit: tuple[Taken, ...]
    already: tuple[Entry, ...]
    problems: tuple[str, ...]


def look(project: Project, contents: Mapping[Entry, bytes], passphrase: str | None) -> Takeover:
    """Look at everything that must be true of these keys; changes nothing. ``contents``: of each PEM file."""
    now, keyring = clock.now(), material.keyring_of(project)
    domains = {domain.name for domain in project.fleet.domains}
    records = shown(project.fleet, [it.name for it in contents if it.domain in domains and _is_led(project, it)])
    unled = owners.waiting(project.fleet, [(it.domain, it.selector) for it in contents])
    found, already, problems = [], [], list(foreign.twice(contents))
    for it, signer in _signers(contents, passphrase).items():
        wrong = list(_domain_problems(project, it, domains, unled))
        if isinstance(signer, KeyringError):
            problems += [str(signer), *wrong]
            continue
        record, keys = records.get(it.name), keyring.keys(it.domain)
        key = _key(it, signer, record, now)
        if _has(keys, key):
            already.append(it)
            continue
        wrong += [*_key_problems(project, it, key, keys), *_record_problems(it, key, record)]
        problems += wrong
        found += [] if wrong else [Taken(it, key, signer, (*_notes(project, key), *(record.notes if record else ())))]
    clashes = list(_clashes(found))
    fit = [it for it in found if not any(it in group for group in clashes)]
    return Takeover(tuple(fit), tuple(already), (*problems, *map(_clash, clashes)))


def _signers(contents: Mapping[Entry, bytes], passphrase: str | None) -> dict[Entry, private.SigningKey | KeyringError]:
    """Each key, or what is wrong with its file; side by side, for each is examined in full."""

    def load(it: Entry) -> private.SigningKey | KeyringError:
        try:
            return foreign.loaded(contents[it], passphrase, it.path)
        except KeyringError as error:
            return error

    with ThreadPoolExecutor() as pool:
        return dict(zip(contents, pool.map(load, contents), strict=True))


def _key(it: Entry, signer: private.SigningKey, record: Shown | None, now: datetime) -> Key:
    history = dict.fromkeys(_LIVED, now)
    algorithm, bits, p = private.algorithm_of(signer), private.bits_of(signer), private.public_text(signer)
    return Key(
        it.selector, "active", algorithm, bits, p, None, history, record=record.text if record else None, note=NOTE
    )


def _has(keys: Keys, key: Key) -> bool:
    return any((it.selector, it.p, it.note) == (key.selector, key.p, NOTE) and it.state in SIGNING for it in keys)


def _domain_problems(project: Project, it: Entry, domains: Collection[str], unled: Mapping[str, str]) -> Iterator[str]:
    if it.domain not in domains:
        yield f"{it}: {it.domain} is no domain of {project.inventory}; add it there first"
    elif not _is_led(project, it):
        yield f"{it}: {it.selector} is not among delegated.selectors of {it.domain}; add it, and have its CNAME set"
    elif it.domain in unled:
        yield f"{it}: {unled[it.domain]}"


def _is_led(project: Project, it: Entry) -> bool:
    """Whether receivers who ask for the key end in a zone of the inventory."""
    return project.fleet.zone_of(delegation.home(project.fleet, it.name)) is not None


def _key_problems(project: Project, it: Entry, key: Key, keys: Keys) -> Iterator[str]:
    if key.algorithm not in project.fleet.keys.algorithms:
        yield f'{it}: an Ed25519 key, and the inventory signs with RSA alone; set keys.algorithm to "rsa+ed25519"'
    same = [other for other in keys if other.selector == it.selector]
    if same:
        yield f"{it}: the keyring has had a key {it.selector}, now {same[-1].state}; a selector is never used twice"
    busy = [other for other in keys if _signs(other, key) and other.selector != it.selector]
    if busy:
        hint = f"to change to a new one: postwright keys rotate --domain {it.domain}"
        yield f"{it}: hosts sign with {busy[-1].selector} of the keyring already; {hint}"


def _signs(other: Key, key: Key) -> bool:
    """Whether the key is in the way of one of the same kind: it signs, or has signed and is to do so again."""
    return other.algorithm == key.algorithm and other.has_signed and other.state in PENDING | SIGNING


def _record_problems(it: Entry, key: Key, record: Shown | None) -> Iterator[str]:
    if record is None:
        return  # nobody knows where to ask: told by _domain_problems
    hint = "import the key that is there, or have apply make one"
    if record.problem:
        yield f"{it}: {record.problem}; mend that first"
    elif record.text is None:
        yield f"{it}: DNS has no TXT record at {it.name}; {hint}"
    else:
        try:
            there = published(record.text)
        except ValueError as error:
            yield f"{it}: the record {short(record.text)} at {it.name} {error}; {hint}"
            return
        if (there.algorithm, there.p) != (key.algorithm, key.p):
            yield f"{it}: DNS has another key at {it.name}: {short(record.text)}; {hint}"


def _notes(project: Project, key: Key) -> Iterator[str]:
    wanted = project.fleet.keys
    if key.algorithm == "rsa" and key.bits < wanted.bits:
        yield f"it has {key.bits} bits and the inventory wants {wanted.bits}: the next apply begins a rotation"
    if wanted.per_host:
        yield "the inventory wants a key for each host (keys.per_host): the next apply begins to make them"


def _clashes(fit: Collection[Taken]) -> Iterator[list[Taken]]:
    """Keys of which a host can sign with one only."""
    groups: dict[tuple[str, str], list[Taken]] = {}
    for it in fit:
        groups.setdefault((it.entry.domain, it.key.algorithm), []).append(it)
    return (group for group in groups.values() if len(group) > 1)


def _clash(group: list[Taken]) -> str:
    names = ", ".join(it.entry.selector for it in group)
    hint = "import the one SigningTable names, with --domain and --selector"
    return f"{group[0].entry.domain}: {names} are all in DNS, and hosts sign with one; {hint}"


def take(project: Project, fit: Collection[Taken]) -> None:
    """Write the keys into the keyring. Killed in between, the same import takes over the rest."""
    keyring, passphrase = material.keyring_of(project), material.passphrase_of(project)
    for it in fit:
        keyring.update([it.entry.domain], lambda _domain, keys, key=it.key: _unused_gone(keys, key))  # type: ignore[misc]
        keyring.add(it.entry.domain, it.key, it.signer, passphrase)


def _unused_gone(keys: Keys, key: Key) -> Keys:
    """Without keys that were made before and have never signed, or hosts would move on to them by themselves."""
    return tuple(
        it.to("deleted", key.since, note=f"{key.selector} was imported")
        if it.algorithm == key.algorithm and it.state in {"generated", "published"} and not it.has_signed
        else it
        for it in keys
    )
