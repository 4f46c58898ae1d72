"""Which keys are to be revoked before their time, and what that costs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from postwright.dns.writing import listed
from postwright.errors import UnsafePlan, UsageError
from postwright.inventory import Project
from postwright.keys.key import VALID, Key, Keys
from postwright.rotation.living import living
from postwright.rotation.queues import Queued, queued
from postwright.terms import Pairs

_AT_ONCE = "retiring"  # the one state from which a key can be revoked without another being made


@dataclass(frozen=True)
class Asked:
    """What the operator named: domains, or the host whose keys are meant."""

    domains: Collection[str]
    host: str | None
    selector: str | None
    compromised: bool


def chosen(project: Project, asked: Asked) -> Pairs:
    """The keys meant, as (domain, selector). UsageError if there is none, or one hosts sign with and it is not compromised."""
    found = [(domain, key) for domain, key in _valid(project, asked) if asked.selector in (None, key.selector)]
    if not found:
        raise UsageError("no key in DNS is meant by that; see `postwright keys list`")
    busy = [f"{domain} {key.selector} is {key.state}" for domain, key in found if key.state != _AT_ONCE]
    if busy and not asked.compromised:
        hint = (
            "only a key that is retiring can be revoked (name it with --selector); `postwright keys rotate` replaces one "
            "without harm; if somebody else may have it, say --compromised"
        )
        raise UsageError(f"{listed(busy)}: {hint}")
    return frozenset((domain, key.selector) for domain, key in found)


def _valid(project: Project, asked: Asked) -> Iterator[tuple[str, Key]]:
    keys = living(project)
    there = _of_host(project, asked.host, keys) if asked.host else set(keys)
    for domain in asked.domains or keys:
        for key in keys[domain]:
            if key.state in VALID and domain in there and (key.host or asked.host) == (asked.host or key.host):
                yield domain, key


def _of_host(project: Project, name: str, keys: Mapping[str, Keys]) -> set[str]:
    """The domains whose keys may lie on a host, or have lain there; one that is gone is known by the keys of its own."""
    hosts = {host.name: host for host in project.fleet.hosts}
    if name in hosts:
        return {domain.name for domain in project.fleet.domains_of(hosts[name])}
    own = {domain for domain, found in keys.items() if any(key.host == name for key in found)}
    if not own:
        hint = "one that was taken out of it: name its domains with --domain, or all of them with --all"
        raise UsageError(f"no host {name!r} in {project.inventory}; there are {listed(list(hosts))}; {hint}")
    return own


def lost(project: Project, keys: Pairs, *, force: bool) -> tuple[Queued, ...]:
    """The mail that will fail for it. UnsafePlan if there is any, unless ``force``."""
    found = queued(project, dict.fromkeys(keys))
    if found and not force:
        lines = "\n".join(map(str, found))
        raise UnsafePlan(f"this mail would fail, nothing was changed; wait until it is gone, or say --force\n{lines}")
    return found


def warnings(found: Collection[Queued], keys: Pairs) -> Iterator[str]:
    """What the operator must know before he says yes."""
    for it in found:
        yield f"will fail when it is delivered: {it} ({', '.join(it.ids)}{', …' if it.count > len(it.ids) else ''})"
    names = listed([f"{selector} of {domain}" for domain, selector in sorted(keys)])
    yield f"will fail wherever it is still under way, forwarded or checked again: all mail signed with {names}"


def unrevoked(project: Project, keys: Pairs) -> list[tuple[str, str]]:
    """Those of the keys that DNS still shows."""
    there = ((domain, key) for domain, found in living(project).items() for key in found)
    return [(domain, key.selector) for domain, key in there if key.state in VALID and (domain, key.selector) in keys]
