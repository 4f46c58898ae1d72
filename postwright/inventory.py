"""Turns what a pyinfra inventory says into a Fleet, or into the list of everything that is wrong with it.

Pure but for a look whether files are there, and for the user store, whose users are logins like any other: the
inventory file itself is executed by pyinfra (``hosts.runner``). Two keys are ours: ``mail_host`` on a host and
``mail_fleet`` on a group all mail hosts are in. Other keys are pyinfra's or the operator's own and are left alone.
Whatever is written there, the answer is a Project or an InventoryError.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from postwright import consistency
from postwright.errors import InventoryError, UsageError
from postwright.files import located
from postwright.model import Fleet, Host, InventoryLogin, Ssh
from postwright.users import store
from postwright.wire import SSH_KEYS, HostData
from postwright.wording import described, one_line

_SEE = "see inventories/example.py"
_HOST = TypeAdapter(Host)
_SSH = TypeAdapter(Ssh)
_HINTS = {name: hint for name, hint in get_type_hints(Fleet, include_extras=True).items() if name in Fleet.model_fields}
_PARTS = {name: TypeAdapter(hint) for name, hint in _HINTS.items() if name != "hosts"}
_ITEMS = {name: TypeAdapter(get_args(_HINTS[name])[0]) for name in ("domains", "zones")}
_ITEMS["logins"] = TypeAdapter(InventoryLogin)
# Stands in for a part that is missing or wrong, so that the cross-checks can look at the rest.
_EMPTY: dict[str, Any] = {"domains": (), "zones": (), "logins": (), "providers": {}, "parked": (), "mailboxes": {}}


@dataclass(frozen=True)
class Project:
    """A valid fleet with the folder its relative paths start from: that of the inventory file."""

    fleet: Fleet
    inventory: Path

    @property
    def base(self) -> Path:
        return self.inventory.parent

    def only(self, names: Collection[str]) -> Project:
        """The same with these hosts alone."""
        hosts = tuple(host for host in self.fleet.hosts if host.name in names)
        return replace(self, fleet=self.fleet.model_copy(update={"hosts": hosts}))

    def path(self, path: Path) -> Path:
        """A path of the inventory, made absolute."""
        return located(self.base, path)


@dataclass
class _Found:
    """Problems so far, and the fields of the fleet that are not whole because of them."""

    problems: list[str] = field(default_factory=list)
    incomplete: set[str] = field(default_factory=set)

    def add(self, part: str, *problems: str) -> None:
        self.problems += problems
        self.incomplete.add(part)


def project_of(
    hosts: Iterable[HostData], inventory: Path, clashes: Iterable[str] = (), *, stored: bool = True
) -> Project:
    """The project an inventory describes; InventoryError lists all that is wrong with it.

    ``clashes`` are what ``groups.problems`` found in the file before pyinfra merged its groups. Without ``stored`` users of
    the store are not among the logins, for commands that could mend what is wrong with them.
    """
    found = _Found(list(clashes))
    mail_hosts = [host for host in hosts if "mail_host" in host.data]
    if not mail_hosts:
        found.add("hosts", f"no host has mail_host data; give each mail host its addresses there, {_SEE}")
    valid_hosts = tuple(host for data in mail_hosts if (host := _host(data, found)))
    fleet = _fleet(_shared_data(mail_hosts, found), valid_hosts, found)
    if stored:
        fleet = _with_users(fleet, inventory.parent, found)
    elif fleet.users:
        found.add("logins")
    found.problems += consistency.problems(fleet, found.incomplete)
    found.problems += _missing_files(fleet, inventory.parent)
    if found.problems:
        raise InventoryError(str(inventory), map(one_line, found.problems))
    return Project(fleet, inventory.absolute())


def _host(host: HostData, found: _Found) -> Host | None:
    place = f"host {host.name}: mail_host"
    raw = host.data["mail_host"]
    if not isinstance(raw, Mapping):
        found.add("hosts", f"{place}: must be a mapping, is a {type(raw).__name__}; {_SEE}")
        return None
    for key in sorted({"name", "ssh"} & raw.keys()):
        found.add("hosts", f"{place}.{key}: unknown key; it comes from pyinfra's own data, remove it")
    ssh = _ssh(host, found)
    # Its other keys are looked at even if the host cannot be reached as it stands there.
    data = {**raw, "name": host.name, "ssh": ssh or Ssh(hostname="unknown")}
    valid: Host | None = _valid(_HOST, data, place, "hosts", found)
    return valid if ssh else None


def _ssh(host: HostData, found: _Found) -> Ssh | None:
    """pyinfra's connection data, for those who use OpenSSH as well (testinfra)."""
    said = {name: host.data[key] for name, key in SSH_KEYS.items() if host.data.get(key) is not None}
    ssh: Ssh | None = _valid(_SSH, {"hostname": host.name, **said}, f"host {host.name}: data", "hosts", found, SSH_KEYS)
    paths = {name: path for name in ("key", "known_hosts", "config") if (path := getattr(ssh, name, None))}
    return ssh and ssh.model_copy(update={name: located(Path.cwd(), path) for name, path in paths.items()})


def _shared_data(hosts: list[HostData], found: _Found) -> Mapping[Any, Any] | None:
    """What the hosts' mail_fleet says, if it says one thing; None if there is nothing to look at."""
    shared = {host.name: data for host in hosts if isinstance(data := host.data.get("mail_fleet"), Mapping)}
    without = [host.name for host in hosts if host.name not in shared]
    if without:
        found.add(
            "hosts", f"host {', '.join(without)}: no mail_fleet mapping; put it on the group all mail hosts are in"
        )
    if not shared:
        return None
    first, said = next(iter(shared.items()))
    for name, data in shared.items():
        if data is not said and data != said:
            found.add("hosts", f"host {name}: mail_fleet differs from that of host {first}; define it once, on a group")
    return said


def _fleet(said: Mapping[Any, Any] | None, hosts: tuple[Host, ...], found: _Found) -> Fleet:
    """A fleet of all parts that are valid; problems of the others go to ``found``."""
    data = said or {}
    parts = {name: _part(name, data, found, missing_is_told=said is not None) for name in _PARTS}
    known = ", ".join(sorted(parts))
    for key in sorted(set(map(str, data)) - set(parts)):
        found.add("", f"mail_fleet.{key:.80}: unknown key; keys are {known}; remove it or mend its spelling")
    return Fleet.model_construct(hosts=hosts, **parts)


def _with_users(fleet: Fleet, base: Path, found: _Found) -> Fleet:
    """The fleet with the users of its store among the logins, behind those of the inventory."""
    if not fleet.users:
        return fleet
    try:
        stored = store.read(located(base, fleet.users))
    except UsageError as error:
        found.add("logins", *str(error).splitlines())
        return fleet
    return fleet.model_copy(update={"logins": (*fleet.logins, *(user.as_login for user in stored.users.values()))})


def _part(name: str, data: Mapping[Any, Any], found: _Found, *, missing_is_told: bool) -> Any:
    described_as = Fleet.model_fields[name]
    if name not in data and not described_as.is_required():
        return described_as.get_default(call_default_factory=True)
    if name not in data:
        found.add(name, *([f"mail_fleet.{name}: missing; {_SEE}"] if missing_is_told else []))
        return _EMPTY.get(name)
    if name in _ITEMS and isinstance(data[name], list | tuple):
        return tuple(_items(name, data[name], found))
    value = _valid(_PARTS[name], data[name], f"mail_fleet.{name}", name, found)
    return _EMPTY.get(name) if name in found.incomplete else value


def _items(name: str, entries: list[Any] | tuple[Any, ...], found: _Found) -> Iterator[Any]:
    key = "login" if name == "logins" else "name"
    for position, entry in enumerate(entries):
        title = entry.get(key) if isinstance(entry, Mapping) else None
        label = f" ({title:.80})" if isinstance(title, str) and title.isprintable() else ""
        item = _valid(_ITEMS[name], entry, f"mail_fleet.{name}[{position}]{label}", name, found)
        if item is not None:
            yield item.as_login if isinstance(item, InventoryLogin) else item


def _valid(
    kind: TypeAdapter[Any], value: Any, place: str, part: str, found: _Found, keys: Mapping[Any, str] | None = None
) -> Any:
    """The value made valid, or None and its problems in ``found``; ``keys`` are what the operator calls the fields."""
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        found.add(part, *(described(place, detail, keys or {}) for detail in details))
        return None


def _missing_files(fleet: Fleet, base: Path) -> Iterator[str]:
    for place, path in _named_files(fleet):
        if not os.path.isfile(located(base, path)):  # noqa: PTH113 - Path.is_file raises where the name is too long
            yield f"{place}: no file {located(base, path)}; put it there or mend the path"


def _named_files(fleet: Fleet) -> Iterator[tuple[str, Path]]:
    for host in fleet.hosts:
        if files := host.tls_files:
            yield f"host {host.name}: mail_host.tls.certificate", files.certificate
            yield f"host {host.name}: mail_host.tls.key", files.key
    for login in fleet.logins:
        if login.password_hash:
            yield f"mail_fleet.logins ({login.login}).password_hash", login.password_hash
    for address, mailbox in fleet.mailboxes.items():
        yield f"mail_fleet.mailboxes.{address}.password_hash", mailbox.password_hash
    for domain in fleet.domains:
        if domain.mta_sts and (pair := domain.mta_sts.certificate):
            yield f"mail_fleet.domains ({domain.name}).mta_sts.certificate.certificate", pair.certificate
            yield f"mail_fleet.domains ({domain.name}).mta_sts.certificate.key", pair.key
    if fleet.tls_authorities:
        yield "mail_fleet.tls_authorities", fleet.tls_authorities
    if fleet.acme and fleet.acme.authority:
        yield "mail_fleet.acme.authority", fleet.acme.authority
