"""Writes down what an apply did to keys, each thing when it is true and before anything relies on it.

Promise: killed between any two of these, the next apply goes on from what is written; a key is written ``published`` only
after every name server showed it, ``confirmed`` before a host may have it, ``active`` after every host was proven.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from postwright import clock, material
from postwright.dns.kinds import delegation
from postwright.dns.plan import DnsPlan
from postwright.inventory import Project
from postwright.keys import lifecycle, signing
from postwright.keys.key import Key, Keys, State, record_name
from postwright.keys.steps import KeyStep
from postwright.rotation.living import living
from postwright.rotation.periods import wants_for
from postwright.terms import Terms, selectors_of

Wait = Callable[[str, str], timedelta]  # of (domain, selector)


def begin(project: Project, planned: Collection[KeyStep], terms: Terms) -> None:
    """What comes before DNS is written: new keys are made, and what time has brought is noted."""
    now, keyring = clock.now(), material.keyring_of(project)
    by_key = {(step.domain, step.selector): step for step in planned if not step.is_new}

    def change(domain: str, keys: Keys) -> Keys:
        marked = lifecycle.compromised(lifecycle.reclocked(keys, now), selectors_of(domain, terms.compromised))
        return tuple(_begun(key, by_key.get((domain, key.selector)), now) for key in marked)

    keyring.update(living(project), change)
    new = [step for step in planned if step.is_new and not _is_there(keyring.keys(step.domain), step.selector)]
    if new:
        keyring.create([(step.domain, _draft(step, now)) for step in new], material.passphrase_of(project))


def _begun(key: Key, step: KeyStep | None, now: datetime) -> Key:
    if step is None or step.was != key.state:
        return key
    pending: set[State] = {"generated", "published"}
    match step.was, step.to:
        case _, "revoked" | "deleted":
            return key.to(step.to, now)
        case was, "retiring" if was in pending:
            return key.to("retiring", now)
        case "retiring", "confirmed" | "active":
            return key.to("confirmed", now, note="", off_hosts=None)
    return key


def _is_there(keys: Keys, selector: str) -> bool:
    return any(key.selector == selector and key.state not in {"revoked", "deleted"} for key in keys)


def _draft(step: KeyStep, now: datetime) -> Key:
    return Key(step.selector, "generated", step.algorithm, step.bits, "", step.host, {"generated": now}, why=step.why)


def missed(project: Project, plan: DnsPlan) -> None:
    """DNS lacks keys it has shown before, which ``plan`` puts back; to be called before that is done."""
    now, wanted = clock.now(), wants_for(project.fleet)
    added = {change.name for zone in plan.zones for change in zone.additive if change.adds_key}
    homes = delegation.homes(project.fleet)

    def change(domain: str, keys: Keys) -> Keys:
        gone = {key.selector for key in keys if _name(homes, domain, key) in added}
        return lifecycle.put_back(keys, gone, wanted(domain), now)

    if not added:
        return
    material.keyring_of(project).update(living(project), change)


def published(project: Project, wait: Wait) -> None:
    """Every name server shows every key that DNS is to show."""
    now, wanted = clock.now(), wants_for(project.fleet)
    homes = delegation.homes(project.fleet)

    def change(domain: str, keys: Keys) -> Keys:
        there = tuple(replace(key, home=homes.get(record_name(key.selector, domain), key.home)) for key in keys)
        return lifecycle.published(there, wanted(domain), now, lambda key: wait(domain, key.selector))

    material.keyring_of(project).update(living(project), change)


def seconds_to_wait(project: Project, planned: Collection[KeyStep]) -> int:
    """How long until the keys that hosts are to sign with after this apply may be used; 0 for none."""
    meant, now = agreed(planned), clock.now()
    keys = ((domain, key) for domain, found in living(project).items() for key in found)
    times = [key.usable - now for domain, key in keys if key.usable and (domain, key.selector) in meant]
    return max(0, *(int(time.total_seconds()) for time in times)) if times else 0


def confirmed(project: Project, planned: Collection[KeyStep], unled: Collection[str]) -> None:
    """Keys whose time has come, as agreed; to be called when every name server was just seen to show them."""
    now, meant = clock.now(), agreed(planned)

    def change(domain: str, keys: Keys) -> Keys:
        after = lifecycle.confirmed(keys, now)
        pairs = zip(keys, after, strict=True)
        return tuple(new if (domain, new.selector) in meant and domain not in unled else old for old, new in pairs)

    material.keyring_of(project).update(living(project), change)


def agreed(planned: Collection[KeyStep]) -> set[tuple[str, str]]:
    """The (domain, selector) of the keys that hosts are to sign with after this."""
    return {(step.domain, step.selector) for step in planned if step.to in {"confirmed", "active"}}


def unproven(keys: Mapping[str, Keys]) -> list[str]:
    """Domains with a key that hosts are to sign with and were not proven to."""
    return [domain for domain, found in keys.items() if any(key.state == "confirmed" for key in found)]


def settled(project: Project) -> None:
    """Every host was proven to sign for every domain with what it is to sign with."""
    now, wanted = clock.now(), wants_for(project.fleet)
    material.keyring_of(project).update(
        living(project), lambda domain, keys: lifecycle.settled(keys, wanted(domain), now)
    )


def taken_off(project: Project, moment: datetime) -> None:
    """Every host has been brought to what it is to have, as of a moment before that was done."""
    wanted = wants_for(project.fleet)
    material.keyring_of(project).update(
        living(project), lambda domain, keys: signing.taken_off(keys, wanted(domain), moment)
    )


def failed(project: Project, reasons: Mapping[str, str]) -> list[str]:
    """The proof failed for these domains; returns those whose hosts can go back to the key before."""
    now, wanted = clock.now(), wants_for(project.fleet)

    def change(domain: str, keys: Keys) -> Keys:
        fresh = [key.selector for key in keys if key.state == "confirmed"]
        return lifecycle.failed(keys, fresh, wanted(domain), now, reasons[domain])

    return material.keyring_of(project).update(reasons, change)


def ended(project: Project) -> None:
    """DNS was written to the end and seen: what was revoked or deleted counts from now on, and private halves go."""
    now, keyring = clock.now(), material.keyring_of(project)
    keyring.update(living(project), lambda _domain, keys: lifecycle.told(keys, now))
    for domain in keyring.domains():
        keyring.discard(domain, keyring.keys(domain))


def _name(homes: Mapping[str, str], domain: str, key: Key) -> str:
    return homes.get(record_name(key.selector, domain), key.name(domain))
