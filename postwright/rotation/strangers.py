"""Keys that lie on hosts and that the keyring does not know: it was lost, or somebody rotated from another copy of it.

An apply would take them from the hosts and from DNS, and with them the proof of all mail they signed that is still under way.
Nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path, PurePosixPath

from postwright import material
from postwright.errors import DeployError
from postwright.hosts import runner
from postwright.hosts.plan import FileChange, HostPlan
from postwright.inventory import Project
from postwright.keys.foreign import entry
from postwright.keys.key import Keys
from postwright.services.opendkim import ED25519, RSA

Tables = Mapping[str, Collection[tuple[str, str]]]  # host → (domain, selector)
Stranger = tuple[str, str, str]  # host, domain, selector
_LOSES = {"removed", "changed"}  # what a plan does to a file whose content is not to be had again


def strangers(tables: Tables, keys: Mapping[str, Keys]) -> list[Stranger]:
    """Every (host, domain, selector) of ``tables`` that is not in ``keys``. Pure.

    ``keys``: of every domain in the tables, be it in the inventory or not; deleted keys count as known.
    """
    known = {(domain, key.selector) for domain, found in keys.items() for key in found}
    return sorted((host, *pair) for host, pairs in tables.items() for pair in set(pairs) - known)


def tables(project: Project) -> dict[str, set[tuple[str, str]]]:
    """The keys that lie on each host, to be signed with or gone back to. DeployError if a host cannot be asked."""
    answers = runner.run_script(project, "tables", {host.name: {} for host in project.fleet.hosts})
    return {host: {_named(host, *row) for row in answer["keys"]} for host, answer in answers.items()}


def _named(host: str, domain: str, selector: str, path: str) -> tuple[str, str]:
    """The names, which become names of files here, so a host is not believed whatever it says."""
    try:
        found = entry(domain, selector, Path(path))
    except ValueError as error:
        raise DeployError(f"host {host}: {path}: {error}; somebody else put it there, remove it") from None
    return found.domain, found.selector


def dangers(project: Project, plans: Iterable[HostPlan]) -> Iterator[str]:
    """Why plans are unsafe that take unknown keys from hosts, a line per host; nobody is asked anew."""
    removed = {plan.host: set(filter(None, map(_lost_key, plan.files))) for plan in plans}
    keyring = material.keyring_of(project)
    unknown = strangers(removed, keyring.read({domain for pairs in removed.values() for domain, _ in pairs}))
    for host, found in groupby(unknown, key=lambda it: it[0]):
        named = ", ".join(f"{selector} of {domain}" for _, domain, selector in found)
        yield (
            f"host {host}: has keys that {keyring.directory} does not know: {named}. If the keyring was changed elsewhere, "
            "fetch that; if it is lost, restore a backup (`postwright keys restore`), or else run `postwright keys recover`"
        )


def _lost_key(change: FileChange) -> tuple[str, str] | None:
    """The (domain, selector) of a private key that a plan removes, or replaces: on the day it was made its name is free again."""
    path = PurePosixPath(change.path)
    ours = str(path.parent.parent) in (RSA.keys, ED25519.keys)
    return (path.parent.name, path.stem) if change.what in _LOSES and path.suffix == ".pem" and ours else None
