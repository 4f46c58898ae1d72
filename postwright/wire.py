"""What an inventory says, on its way from the process pyinfra lives in to the one that makes sense of it.

Promise: plain data that JSON can carry, and a fleet's data once, however many hosts share it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Field of ``model.Ssh`` → what pyinfra calls it.
SSH_KEYS = {
    "hostname": "ssh_hostname",
    "user": "ssh_user",
    "port": "ssh_port",
    "key": "ssh_key",
    "known_hosts": "ssh_known_hosts_file",
    "config": "ssh_config_file",
    "sudo": "_sudo",
}
OURS = {"mail_host", "mail_fleet", *SSH_KEYS.values()}  # what is looked at; all else is nobody's business here


@dataclass(frozen=True)
class HostData:
    """One host as pyinfra sees it: its inventory name and its merged data."""

    name: str
    data: Mapping[str, Any]


def packed(hosts: Iterable[HostData], clashes: Iterable[str] = ()) -> dict[str, Any]:
    """Everything of these hosts that ``project_of`` looks at, with the clashes found before they were merged."""
    fleets: dict[str, Any] = {}
    entries: list[dict[str, Any]] = []
    for host in hosts:
        own = {key: plain(value) for key, value in host.data.items() if key in OURS - {"mail_fleet"}}
        entries.append({"name": host.name, "data": own})
        if "mail_fleet" in host.data:
            shared = host.data["mail_fleet"]
            entries[-1]["fleet"] = key = str(id(shared))
            fleets[key] = fleets[key] if key in fleets else plain(shared)
    return {"hosts": entries, "fleets": fleets, "clashes": list(clashes)}


def unpacked(answer: Mapping[str, Any]) -> tuple[list[HostData], list[str]]:
    """The hosts and clashes that were packed; hosts that shared a fleet's data share it again."""
    hosts = [
        HostData(it["name"], it["data"] | ({"mail_fleet": answer["fleets"][it["fleet"]]} if "fleet" in it else {}))
        for it in answer["hosts"]
    ]
    return hosts, list(answer["clashes"])


def plain(value: Any) -> Any:
    """The value in JSON's types; what has none becomes the text of it."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case set() | frozenset():
            return sorted((plain(inner) for inner in value), key=str)
        case _:
            return str(value)
