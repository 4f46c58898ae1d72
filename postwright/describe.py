"""What an inventory means, for people and for programs: each function gives the JSON value and the lines of text."""

from __future__ import annotations

from typing import Any

from postwright import material
from postwright.dns import zonefile
from postwright.dns.records import Record, desired, unmanaged_pointers, zone_for
from postwright.files import content
from postwright.hosts.bundles import planned_selector
from postwright.inventory import Project
from postwright.model import Host
from postwright.services.bundle import bundle
from postwright.services.parts import Context, HostFile, HostSecrets, Release, SigningKey

Described = tuple[Any, list[str]]


def summary(project: Project) -> Described:
    """Hosts with addresses and roles, domains with policy and key, zones with provider."""
    fleet = project.fleet
    keyring = material.keyring_of(project)
    value = {
        "hosts": [
            {
                "name": host.name,
                "addresses": [{"ip": str(it.ip), "helo": it.helo} for it in host.addresses],
                "roles": sorted(host.roles),
                "domains": len(fleet.domains_of(host)),
            }
            for host in fleet.hosts
        ],
        "domains": [
            {
                "name": domain.name,
                "hosts": [host.name for host in fleet.hosts_of(domain)],
                "mx": domain.mx,
                "dmarc": domain.dmarc.policy,
                "selector": key.selector if (key := keyring.signing_key(domain.name)) else None,
            }
            for domain in fleet.domains
        ],
        "zones": [{"name": zone.name, "provider": zone.provider} for zone in fleet.zones],
        "ask_your_hoster": [{"address": str(it.ip), "ptr": it.helo} for it in unmanaged_pointers(fleet)],
    }
    return value, _summary_lines(value)


def _summary_lines(value: dict[str, Any]) -> list[str]:
    lines = ["Hosts"]
    for host in value["hosts"]:
        lines.append(f"  {host['name']}: {', '.join(host['roles'])}; signs for {host['domains']} domain(s)")
        lines += [f"    {it['ip']} says HELO {it['helo']}" for it in host["addresses"]]
    lines.append("Domains")
    for it in value["domains"]:
        key = f"signs with {it['selector']}" if it["selector"] else "has no key yet: apply makes one"
        lines.append(f"  {it['name']}: from {', '.join(it['hosts'])}; MX {it['mx']}; DMARC {it['dmarc']}; {key}")
    lines.append("Zones")
    lines += [f"  {zone['name']} at {zone['provider']}" for zone in value["zones"]]
    if value["ask_your_hoster"]:
        lines.append("Reverse names that are not in your zones: ask your hoster to set them")
        lines += [f"  {it['address']} → {it['ptr']}" for it in value["ask_your_hoster"]]
    return lines


def records(project: Project) -> Described:
    """The records of every zone, as zone files. A domain without a key shows none yet."""
    names = [domain.name for domain in project.fleet.domains]
    by_zone: dict[str, list[Record]] = {zone.name: [] for zone in project.fleet.zones}
    for record in desired(project.fleet, material.keyring_of(project).public_keys(names)):
        by_zone[zone_for(project.fleet, record.name).name].append(record)
    value = {
        zone: [{"name": it.name, "type": it.type, "ttl": it.ttl, "rdata": it.rdata} for it in found]
        for zone, found in by_zone.items()
    }
    return value, [line for zone, found in by_zone.items() for line in zonefile.zonefile(zone, found).splitlines()]


def keys(project: Project) -> Described:
    """The keyring's public side."""
    keyring = material.keyring_of(project)
    value = {
        domain.name: [
            {"selector": it.selector, "state": it.state, "bits": it.bits, "created": it.created, "p": it.p}
            for it in keyring.keys(domain.name)
        ]
        for domain in project.fleet.domains
    }
    lines = []
    for name, found in value.items():
        rows = [f"  {it['selector']}  {it['state']}  RSA-{it['bits']}  made {it['created']}" for it in found]
        lines += [name, *(rows or ["  none yet: apply makes one"])]
    return value, lines


def files(project: Project, host: Host, release: Release) -> tuple[HostFile, ...]:
    """Every file of a host. Private parts are left empty: no passphrase is asked for."""
    keyring = material.keyring_of(project)
    selectors = {
        name: key.selector if (key := keyring.signing_key(name)) else planned_selector(project, name)
        for name in (domain.name for domain in project.fleet.domains_of(host))
    }
    secrets = HostSecrets(
        signing_keys=tuple(SigningKey(name, selector, b"") for name, selector in selectors.items()),
        certificate=content(project.path(host.tls.certificate)),
        password_hashes={login.login: "" for login in project.fleet.logins},
    )
    return bundle(Context(project.fleet, host, release, secrets)).files


def file_lines(host: str, found: tuple[HostFile, ...]) -> list[str]:
    """Each file under a heading with its mode and owner."""
    lines = []
    for file in found:
        lines.append(f"== {host}:{file.path}  {file.mode:04o} {file.owner}:{file.group}")
        lines += ["(secret: not shown)"] if file.secret else file.content.decode("utf-8", "replace").splitlines()
    return lines


def file_json(file: HostFile) -> dict[str, Any]:
    """A file as data; ``content`` is null for a secret one."""
    content = None if file.secret else file.content.decode("utf-8", "replace")
    return {"path": file.path, "mode": f"{file.mode:04o}", "owner": file.owner, "group": file.group, "content": content}
