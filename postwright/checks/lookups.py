"""Asking DNS: the servers of a zone of ours with authority, this machine's resolver for all else. No answer is "unknown"."""

from __future__ import annotations

from postwright.checks.unknown import UnknownError
from postwright.dns import spf
from postwright.dns.nameservers import NameServer, NoAnswerError, ask, authoritative, resolve
from postwright.dns.records import zone_for
from postwright.inventory import Project


def asked(project: Project, name: str, kind: str) -> tuple[str, ...]:
    """What the first server of the name's zone says."""
    return _answer(servers(project, name)[0], name, kind)


def servers(project: Project, name: str) -> tuple[NameServer, ...]:
    """The servers of the name's zone, at least one."""
    zone = zone_for(project.fleet, name)
    found, notes = authoritative(project.fleet, zone)
    if not found:
        raise UnknownError("; ".join(notes) or f"zone {zone.name}: no name server is known")
    return found


def asked_of_all(project: Project, name: str, kind: str) -> dict[str, tuple[str, ...]]:
    """Name server → what it says."""
    return {server.name: _answer(server, name, kind) for server in servers(project, name)}


def resolved(name: str, kind: str) -> tuple[str, ...]:
    """What this machine's resolver says."""
    try:
        return resolve(name, kind)
    except NoAnswerError as error:
        raise UnknownError(f"{name} {kind}: {error}") from None


def found(project: Project, name: str, kind: str) -> tuple[str, ...]:
    """Where the fleet holds the name's zone its server's answer, else the resolver's."""
    return asked(project, name, kind) if project.fleet.zone_of(name) else resolved(name, kind)


def spf_record(project: Project, name: str) -> str:
    """The one SPF record at a name; fails if there is none or several."""
    records = [text for text in asked(project, name, "TXT") if spf.is_spf(text)]

    assert len(records) == 1, f"{name} has {len(records)}"
    return records[0]


def _answer(server: NameServer, name: str, kind: str) -> tuple[str, ...]:
    try:
        return ask(server, name, kind)
    except NoAnswerError as error:
        raise UnknownError(f"{name} {kind}: name server {server.name} gives no answer: {error}") from None
