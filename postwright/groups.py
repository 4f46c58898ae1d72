"""What is wrong with the groups of an inventory file, looked at before pyinfra merges them without a word.

pyinfra takes a variable that is a list of hosts, or a pair of such a list and data, for a group. A host that stands
in a list twice, or has mail_host in two groups, keeps the last one said; a list of anything else is left out; a pair
whose first part is a word is taken for hosts of one letter each. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

_HOST = "a host is a name, or a pair of a name and a mapping of data; write ('mx1', {…})"
_GROUP = (
    "a group is a list of hosts, or a pair of such a list and a mapping of data; write (['mx1'], {…}), and begin the "
    "name of what is no group with _"
)


def problems(names: Mapping[str, Any]) -> list[str]:
    """Problems of all groups among the names an inventory file defines."""
    groups = {name: value for name, value in names.items() if not name.startswith("_") and _looks_like_group(value)}
    malformed = {name: list(_malformed(name, value)) for name, value in groups.items()}
    sound = {name: value for name, value in groups.items() if not malformed[name]}
    found = [problem for problems in malformed.values() for problem in problems]
    return [*found, *_twice_in_a_list(sound), *_twice_defined(sound), *_two_fleets(sound)]


def _looks_like_group(value: object) -> bool:
    """Lists of other things than names, pairs and mappings are the operator's own; every tuple is taken for a group."""
    return isinstance(value, tuple) or (
        isinstance(value, list) and any(isinstance(entry, str | tuple | Mapping) for entry in value)
    )


def _malformed(name: str, value: Any) -> Iterator[str]:
    match value:
        case list() | (list() | tuple(), Mapping()):
            hosts = value if isinstance(value, list) else value[0]
            yield from (f"{name}[{position}]: {_HOST}" for position, host in enumerate(hosts) if not _is_host(host))
        case _:
            yield f"{name}: {_GROUP}"


def _is_host(entry: object) -> bool:
    match entry:
        case str(name) | (str(name), Mapping()):
            return bool(name)
        case _:
            return False


def _hosts(value: Any) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Name and own data of the hosts of a group."""
    for entry in value[0] if isinstance(value, tuple) else value:
        yield entry if isinstance(entry, tuple) else (entry, {})


def _twice_in_a_list(groups: Mapping[str, Any]) -> Iterator[str]:
    for group, value in groups.items():
        for host, count in Counter(name for name, _ in _hosts(value)).items():
            if count > 1:
                yield f"{group}: host {host} stands there {count} times; keep one entry"


def _twice_defined(groups: Mapping[str, Any]) -> Iterator[str]:
    first: dict[str, str] = {}
    for group, value in groups.items():
        for host in dict.fromkeys(name for name, data in _hosts(value) if "mail_host" in data):
            if first.setdefault(host, group) != group:
                yield f"{group}: host {host} has mail_host already in {first[host]}; define it once, name it elsewhere"


def _two_fleets(groups: Mapping[str, Any]) -> Iterator[str]:
    first: dict[str, str] = {}
    for group, value in groups.items():
        if isinstance(value, tuple) and "mail_fleet" in value[1]:
            clashing = {first.setdefault(host, group) for host, _ in _hosts(value)} - {group}
            for other in sorted(clashing):
                yield f"{group}: mail_fleet is given already by {other}, for the same hosts; define it once"
