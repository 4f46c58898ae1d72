"""The state machine of a domain's keys: what is due, and what each thing that happened makes of them. Pure.

Promise, whatever the order of time, faults and restarts:
- a domain that hosts sign for never loses its last confirmed key, unless the operator revokes it as compromised;
- a host signs only with a key that every name server showed, and, if mail was signed before, that caches let in;
- a key stays in DNS until no queue can hold mail it signed; then it is revoked, and much later deleted;
- all hosts that share a domain are proven to sign with the new key before the old one retires.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product

from postwright.keys.key import PENDING, Algorithm, Key, Keys
from postwright.keys.signing import Wants, in_use, newest, signing

HELD_BACK = timedelta(days=1)  # a key whose proof failed is tried again after that
AHEAD = timedelta(minutes=5)  # a moment further in the future was written under a wrong clock
_SOON = timedelta(seconds=1)


@dataclass(frozen=True)
class Facts:
    """What is known from outside.

    ``led``: whether the owner of a delegated domain has led it to us. ``drained``: retiring selectors no queue of any host
    holds mail of. ``wait``: how long a cache may hold an earlier answer. ``rotate``, ``back``: the operator asks for it.
    ``revoke``: retiring selectors he wants revoked now.
    """

    now: datetime
    led: bool = True
    drained: Collection[str] = ()
    wait: timedelta = _SOON
    rotate: bool = False
    back: bool = False
    revoke: Collection[str] = ()


Name = Callable[[Keys, str | None, Algorithm, bool], str | None]  # the next selector; None if there is none


def foresee(keys: Keys, wants: Wants, facts: Facts, name: Name) -> Keys:
    """The keys as they will be after an apply that goes well; those it would make have no ``p`` yet."""
    keys = aged(reclocked(keys, facts.now), wants, facts)
    keys = returned(keys, wants, facts.now) if facts.back else keys
    keys = (*keys, *_needed(keys, wants, facts, name))
    keys = published(keys, wants, facts.now, lambda _key: facts.wait)
    keys = confirmed(keys, facts.now) if facts.led else keys
    return settled(keys, wants, facts.now)


def reclocked(keys: Keys, now: datetime) -> Keys:
    """Moments that lie ahead, written under a wrong clock, become now: a wait starts anew rather than lasting for years."""
    return tuple(_reclocked(key, now) for key in keys)


def _reclocked(key: Key, now: datetime) -> Key:
    moments = [*key.history.values(), *filter(None, (key.told, key.off_hosts))]
    if all(moment <= now + AHEAD for moment in moments):
        return key
    history = {state: min(moment, now) for state, moment in key.history.items()}
    usable = key.usable and min(key.usable, now + max(key.usable - key.history["published"], timedelta()))
    told, off_hosts = key.told and min(key.told, now), key.off_hosts and min(key.off_hosts, now)
    return replace(key, history=history, usable=usable, told=told, off_hosts=off_hosts)


def told(keys: Keys, now: datetime) -> Keys:
    """Every name server says of revoked and deleted keys what it is to say."""
    return tuple(
        replace(key, told=now) if key.state in {"revoked", "deleted"} and key.told is None else key for key in keys
    )


def compromised(keys: Keys, selectors: Collection[str]) -> Keys:
    """Somebody else may have these keys."""
    return tuple(replace(key, compromised=True) if key.selector in selectors else key for key in keys)


def outlived(keys: Keys, wants: Wants, now: datetime) -> list[Key]:
    """Retiring keys whose time is over and that lie on no host, so that only mail still in a queue keeps them."""
    retiring = (key for key in reclocked(keys, now) if key.state == "retiring" and not key.compromised)
    return [key for key in retiring if now - key.since >= wants.retire and key.off_hosts]


def aged(keys: Keys, wants: Wants, facts: Facts) -> Keys:
    """What time alone brings: retired keys are revoked, revoked ones deleted, and what nobody needs any more goes."""
    # Who goes back does not want what was on its way.
    wanted = [it for it in wants.sets if not (facts.back and _active(keys, *it))]
    current = {key.selector for holder, algorithm in wanted for key in _pending(keys, holder, algorithm)[-1:]}
    return tuple(_aged(key, current, wants, facts) for key in keys)


def _aged(key: Key, current: Collection[str], wants: Wants, facts: Facts) -> Key:
    age = facts.now - key.since
    drained = age >= wants.retire and key.off_hosts is not None and key.selector in facts.drained
    match key.state:
        case "retiring" if key.compromised or drained or key.selector in facts.revoke:
            return key.to("revoked", facts.now, note="")
        case "revoked" if key.told and facts.now - key.told >= wants.keep_revoked:
            return key.to("deleted", facts.now)
        case "generated" | "published" if key.compromised or key.selector not in current:
            return key.to("retiring" if key.has_signed else "deleted", facts.now)
    return key


def _pending(keys: Keys, holder: str | None, algorithm: Algorithm) -> list[Key]:
    return [key for key in keys if (key.host, key.algorithm) == (holder, algorithm) and key.state in PENDING]


def _active(keys: Keys, holder: str | None, algorithm: Algorithm) -> list[Key]:
    return [key for key in keys if (key.host, key.algorithm, key.state) == (holder, algorithm, "active")]


def returned(keys: Keys, wants: Wants, now: datetime) -> Keys:
    """The key that retired last in each set is confirmed anew; hosts will sign with it again."""
    last = {
        found[-1].selector
        for holder, algorithm in wants.sets
        if (
            found := sorted(
                (key for key in keys if (key.host, key.algorithm, key.state) == (holder, algorithm, "retiring")),
                key=lambda key: key.since,
            )
        )
    }
    # A selector an owner led to us comes round: a deleted key may have had the same.
    return tuple(
        key.to("confirmed", now, off_hosts=None)
        if key.selector in last and key.state == "retiring" and key.here and not key.compromised
        else key
        for key in keys
    )


def _needed(keys: Keys, wants: Wants, facts: Facts, name: Name) -> Iterator[Key]:
    """A key for every set that lacks one, or whose key is due to be replaced."""
    drafts: Keys = ()
    for holder, algorithm in wants.sets:
        pending = _pending(keys, holder, algorithm)
        why = _why(keys, holder, algorithm, wants, facts)
        if pending and not (pending[-1].held_back and (facts.rotate or why == COMPROMISED)):
            continue
        selector = name((*keys, *drafts), holder, algorithm, why == COMPROMISED) if why else None
        if selector:
            bits = wants.bits if algorithm == "rsa" else 256
            draft = Key(selector, "generated", algorithm, bits, "", holder, {"generated": facts.now}, why=why)
            drafts = (*drafts, draft)
            yield draft


COMPROMISED = "the one before was compromised"


def _why(keys: Keys, holder: str | None, algorithm: Algorithm, wants: Wants, facts: Facts) -> str:
    """Why a set needs another key; empty if it does not."""
    key = newest(_active(keys, holder, algorithm))
    if key is None:
        return "the first"
    if key.compromised:
        return COMPROMISED
    return "" if facts.back else _overdue(key, wants, facts)


def _overdue(key: Key, wants: Wants, facts: Facts) -> str:
    if facts.rotate:
        return "asked for"
    if key.algorithm == "rsa" and key.bits < wants.bits:
        return f"the one before has {key.bits} bits only"
    if wants.rotate_every and facts.now - key.since >= wants.rotate_every:
        return f"the one before is older than {wants.rotate_every.days} days"
    return ""


def published(keys: Keys, wants: Wants, now: datetime, wait: Callable[[Key], timedelta]) -> Keys:
    """Every name server shows the keys, new ones and those put back. ``wait``: how long a cache may hold an earlier answer.

    Where nothing else could sign, or what signs is compromised, nobody waits: the selector is new, so nobody has asked for
    it, while to wait would mean unsigned mail, or mail that a thief can sign as well.
    """
    reused = {key.selector for key in keys if key.state in {"revoked", "deleted"}}

    def seen(key: Key) -> Key:
        if key.state == "published" and key.usable is None:
            return replace(key, usable=now + wait(key))
        if key.state == "published" and not key.has_signed and _urgent(key, keys, wants, reused):
            return replace(key, usable=min(key.usable or now, now))
        if key.state != "generated":
            return key
        return key.to("published", now, usable=now + (timedelta() if _urgent(key, keys, wants, reused) else wait(key)))

    return tuple(map(seen, keys))


def put_back(keys: Keys, selectors: Collection[str], wants: Wants, now: datetime) -> Keys:
    """Somebody has taken these keys out of DNS: once they are seen there again, what is to sign with them waits anew.

    To be called before they are put back, for whoever is killed after that finds DNS as it should be.
    """

    def again(key: Key) -> Key:
        return replace(key, usable=None) if key.state == "published" else key.to("published", now, usable=None)

    return _unless_alone(keys, [it for it in selectors if _state(keys, it) in {"published", "confirmed"}], wants, again)


def _state(keys: Keys, selector: str) -> str:
    return next((key.state for key in reversed(keys) if key.selector == selector), "")


def _unless_alone(keys: Keys, selectors: Collection[str], wants: Wants, change: Callable[[Key], Key]) -> Keys:
    """The keys with these changed, but for those without which a host would have nothing to sign with."""
    after = tuple(change(key) if key.selector in selectors and key.state != "deleted" else key for key in keys)
    needed = {
        now.selector
        for host, algorithm in product(wants.hosts, wants.algorithms)
        if (now := signing(keys, host, algorithm, wants)) and not signing(after, host, algorithm, wants)
    }
    return tuple(old if old.selector in needed else new for old, new in zip(keys, after, strict=True))


def _urgent(key: Key, keys: Keys, wants: Wants, reused: Collection[str]) -> bool:
    hosts = [host for host in wants.hosts if key.host in (None, host)]
    now_signing = [signing(keys, host, key.algorithm, wants) for host in hosts]
    bare = key.algorithm == "rsa" and any(it is None or it.compromised for it in now_signing)
    return bare and key.selector not in reused


def confirmed(keys: Keys, now: datetime) -> Keys:
    """Published keys whose time has come; to be called when every name server was just seen to show them."""
    return tuple(
        key.to("confirmed", now) if key.state == "published" and key.usable and key.usable <= now else key
        for key in keys
    )


def settled(keys: Keys, wants: Wants, now: datetime) -> Keys:
    """Every host is proven to sign with what it is to sign with: that is active, what was so before retires."""
    used = in_use(keys, wants)

    def settle(key: Key) -> Key:
        if key.state == "confirmed":
            return key.to("active" if key.selector in used else "retiring", now, note="")
        if key.state == "active" and key.selector not in used:
            return key.to("retiring", now)
        return key

    return tuple(settle(key) for key in keys)


def failed(keys: Keys, selectors: Collection[str], wants: Wants, now: datetime, reason: str) -> Keys:
    """The proof of these keys failed: hosts go back to what they signed with before, if there is such a key."""

    def back(key: Key) -> Key:
        if "retiring" in key.history:
            return key.to("retiring", now, note=reason)
        return key.to("published", now, usable=now + HELD_BACK, note=f"held back: {reason}")

    return _unless_alone(keys, [it for it in selectors if _state(keys, it) == "confirmed"], wants, back)
