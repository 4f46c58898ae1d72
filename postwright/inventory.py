"""Turns what a pyinfra inventory says into a Fleet, or into the list of everything that is wrong with it.

Pure: the inventory file itself is executed by pyinfra (``hosts.runner.read_inventory``); this module sees plain data.
Two keys are ours: ``mail_host`` on a host and ``mail_fleet`` on a group all mail hosts are in. Other keys are
pyinfra's or the operator's own and are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from postwright import consistency
from postwright.errors import InventoryError
from postwright.model import Fleet, Host, Ssh

_LISTS = ("domains", "zones", "logins")


@dataclass(frozen=True)
class HostData:
    """One host as pyinfra sees it: its inventory name and its merged data."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Project:
    """A valid fleet with the folder its relative paths start from: that of the inventory file."""

    fleet: Fleet
    inventory: Path

    @property
    def base(self) -> Path:
        return self.inventory.parent

    def path(self, path: Path) -> Path:
        """A path of the inventory, made absolute."""
        return self.base / path.expanduser()


def project_of(hosts: list[HostData], inventory: Path) -> Project:
    """The project an inventory describes; InventoryError lists all that is wrong with it."""
    found: list[str] = []
    mail_hosts = [host for host in hosts if "mail_host" in host.data]
    if not mail_hosts:
        found.append("no host has mail_host data; give each mail host its addresses there (see `postwright init`)")
    valid_hosts = [host for data in mail_hosts if (host := _host(data, found))]
    fleet = _fleet(_shared_data(mail_hosts, found), valid_hosts, found)
    found.extend(consistency.problems(fleet))
    found.extend(_missing_files(fleet, inventory.parent))
    if found:
        raise InventoryError(str(inventory), found)
    return Project(fleet, inventory.absolute())


def _host(host: HostData, found: list[str]) -> Host | None:
    raw = host.data["mail_host"]
    if not isinstance(raw, Mapping):
        found.append(f"host {host.name}: mail_host: must be a mapping, is {type(raw).__name__}")
        return None
    known = {"name", "ssh"} & set(raw)
    found.extend(f"host {host.name}: mail_host.{key}: unknown key; it comes from pyinfra's own data" for key in known)
    data = {**raw, "name": host.name, "ssh": _ssh(host).model_dump()}
    return _valid(Host, data, f"host {host.name}: mail_host", found)


def _ssh(host: HostData) -> Ssh:
    """pyinfra's connection data, for those who use OpenSSH as well (testinfra)."""
    data = host.data
    optional = {"key": "ssh_key", "known_hosts": "ssh_known_hosts_file", "config": "ssh_config_file"}
    return Ssh(
        hostname=str(data.get("ssh_hostname") or host.name),
        user=str(data.get("ssh_user") or "root"),
        port=int(data.get("ssh_port") or 22),
        sudo=bool(data.get("_sudo")),
        **{name: Path(data[key]).expanduser().absolute() for name, key in optional.items() if data.get(key)},
    )


def _shared_data(hosts: list[HostData], found: list[str]) -> Mapping[str, Any]:
    shared = [(host.name, host.data.get("mail_fleet")) for host in hosts]
    without = [name for name, data in shared if not isinstance(data, Mapping)]
    if without:
        found.append(f"host {', '.join(without)}: no mail_fleet mapping; put it on the group all mail hosts are in")
    present = [(name, data) for name, data in shared if isinstance(data, Mapping)]
    for name, data in present[1:]:
        if data != present[0][1]:
            found.append(
                f"host {name}: mail_fleet differs from that of host {present[0][0]}; define it once, on a group"
            )
    return present[0][1] if present else {}


def _fleet(data: Mapping[str, Any], hosts: list[Host], found: list[str]) -> Fleet:
    """A fleet of all parts that are valid; problems of the others go to ``found``."""
    parts: dict[str, Any] = {}
    for name, field in Fleet.model_fields.items():
        if name == "hosts":
            continue
        if name not in data:
            if field.is_required() and data:
                found.append(f"mail_fleet.{name}: missing; see inventories/example.py")
            parts[name] = field.get_default() if not field.is_required() else _EMPTY.get(name)
        elif name in _LISTS and isinstance(data[name], list | tuple):
            parts[name] = tuple(_items(name, data[name], found))
        else:
            parts[name] = _valid(field.annotation, data[name], f"mail_fleet.{name}", found) or _EMPTY.get(name)
    unknown = set(data) - set(parts)
    found.extend(
        f"mail_fleet.{key}: unknown key; keys are {', '.join(sorted(parts))}" for key in sorted(map(str, unknown))
    )
    return Fleet.model_construct(hosts=tuple(hosts), **parts)


# Stands in for a part that is missing or wrong, so that the cross-checks can look at the rest.
_EMPTY: dict[str, Any] = {"domains": (), "zones": (), "logins": (), "providers": {}}


def _items(name: str, values: list[Any] | tuple[Any, ...], found: list[str]) -> Iterator[Any]:
    annotation = Fleet.model_fields[name].annotation
    adapter = annotation.__args__[0] if annotation is not None else Any
    for position, value in enumerate(values):
        label = f" ({value['name']})" if isinstance(value, Mapping) and "name" in value else ""
        item = _valid(adapter, value, f"mail_fleet.{name}[{position}]{label}", found)
        if item is not None:
            yield item


def _valid(kind: Any, value: Any, place: str, found: list[str]) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        found.extend(_described(place, detail) for detail in error.errors(include_url=False, include_context=False))
        return None


def _described(place: str, detail: Any) -> str:
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in detail["loc"])
    if detail["type"] == "extra_forbidden":
        return f"{place}{steps}: unknown key; remove it or mend its spelling (see inventories/example.py)"
    given = "" if detail["type"] == "missing" else f" (given: {detail['input']!r:.80})"
    return f"{place}{steps}: {detail['msg'].removeprefix('Value error, ')}{given if 'Value error' not in detail['msg'] else ''}"


def _missing_files(fleet: Fleet, base: Path) -> Iterator[str]:
    files = [
        (f"host {host.name}: mail_host.tls.{part}", getattr(host.tls, part))
        for host in fleet.hosts
        for part in ("certificate", "key")
    ]
    files += [(f"mail_fleet.logins ({login.login}).password_hash", login.password_hash) for login in fleet.logins]
    if fleet.tls_authorities:
        files.append(("mail_fleet.tls_authorities", fleet.tls_authorities))
    for place, path in files:
        if not (base / path.expanduser()).is_file():
            yield f"{place}: no file {base / path.expanduser()}; put it there or mend the path"
