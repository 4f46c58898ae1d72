"""What an inventory means, for people and for programs: each function gives the JSON value and the lines of text."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Any

from postwright import material, material_policies
from postwright.dns import zonefile
from postwright.dns.kinds import delegation, mta_sts
from postwright.dns.providers import snippets
from postwright.dns.records import Record, consents, desired, unmanaged_pointers, zone_for
from postwright.inventory import Project
from postwright.keys.keyring import public_keys
from postwright.keys.management import public_key
from postwright.model import Domain, Host, Stream, Warmup
from postwright.model.streams import DEFAULT
from postwright.policy_hosts import policy_name
from postwright.rotation.living import holdings, living
from postwright.rotation.outlook import foreseen
from postwright.services.bundle import bundle
from postwright.services.parts import Context, HostFile, HostSecrets, Release, SigningKey

Described = tuple[Any, list[str]]


def summary(project: Project) -> Described:
    """Hosts with addresses and roles, domains with policy and key, zones with provider, and what others must set."""
    fleet = project.fleet
    keys = signing_selectors(project)
    value = {
        "hosts": [
            {
                "name": host.name,
                "addresses": [
                    {"ip": str(it.ip), "helo": it.helo, "warmup": _warmup(it.warmup), "pool": it.pool}
                    for it in host.addresses
                ],
                "roles": sorted(host.roles),
                "domains": len(fleet.domains_of(host)),
            }
            for host in fleet.hosts
        ],
        "domains": [_domain(project, domain, keys.get(domain.name, ())) for domain in fleet.domains],
        "streams": [_stream(name, it) for name, it in fleet.pacing.streams.items()] if fleet.pacing else [],
        "parked": list(fleet.parked),
        "zones": [{"name": zone.name, "provider": zone.provider} for zone in fleet.zones],
        "ask_your_hoster": [{"address": str(it.ip), "ptr": it.helo} for it in unmanaged_pointers(fleet)],
        "ask_owners": [{"name": name, "cname": target} for name, target in delegation.asked(fleet)],
        "ask_report_receivers": list(consents(fleet)),
    }
    return value, [*_summary_lines(value), *_asking_lines(value)]


def _warmup(said: Warmup | None) -> dict[str, str] | str | None:
    """As the inventory writes it."""
    if said is None:
        return None
    if said.plan is None:
        return "warm"
    return {"plan": said.plan, "start": str(said.start)}


def _stream(name: str, stream: Stream) -> dict[str, Any]:
    return {"name": name, "pools": list(stream.pools), "via": stream.via}


def _pool_words(pool: str) -> str:
    return "" if pool == DEFAULT else f"; pool {pool}"


def _stream_line(it: dict[str, Any]) -> str:
    own, *others = it["pools"] or [""]
    fallback = f", else from {', then '.join(others)}" if others else ""
    return f"  {it['name']}: {'by relay ' + it['via'] if it['via'] else f'from pool {own}{fallback}'}"


def _warmup_words(said: dict[str, str] | str | None) -> str:
    match said:
        case None:
            return ""
        case {"plan": plan, "start": start}:
            return f"; warms up by {plan} from {start}"
        case _:
            return "; warm"


def signing_selectors(project: Project) -> dict[str, list[str]]:
    """Domain → the selectors its hosts sign with."""
    keys = living(project)
    held = {it for host in project.fleet.hosts for it in holdings(project.fleet, host, keys) if it.signs}
    found: dict[str, list[str]] = {}
    for it in sorted(held):
        found.setdefault(it.domain, []).append(it.selector)
    return found


def _domain(project: Project, domain: Domain, selectors: Sequence[str]) -> dict[str, Any]:
    return {
        "name": domain.name,
        "hosts": [host.name for host in project.fleet.hosts_of(domain)],
        "mx": domain.mx,
        "dmarc": domain.dmarc.policy,
        "mta_sts": domain.mta_sts.mode if domain.mta_sts else None,
        "delegated_to": domain.delegated.to if domain.delegated else None,
        "selectors": list(selectors),
    }


def _summary_lines(value: dict[str, Any]) -> list[str]:
    lines = ["Hosts"]
    for host in value["hosts"]:
        lines.append(f"  {host['name']}: {', '.join(host['roles'])}; signs for {host['domains']} domain(s)")
        lines += [
            f"    {it['ip']} says HELO {it['helo']}{_warmup_words(it['warmup'])}{_pool_words(it['pool'])}"
            for it in host["addresses"]
        ]
    lines += ["Streams", *map(_stream_line, value["streams"])] if value["streams"] else []
    lines.append("Domains")
    for it in value["domains"]:
        key = f"signs with {', '.join(it['selectors'])}" if it["selectors"] else "has no key yet: apply makes one"
        parts = [f"MX {it['mx']}", f"DMARC {it['dmarc']}"]
        parts += [f"MTA-STS {it['mta_sts']}"] if it["mta_sts"] else []
        parts += [f"delegated to {it['delegated_to']}"] if it["delegated_to"] else []
        lines.append(f"  {it['name']}: from {', '.join(it['hosts'])}; {'; '.join(parts)}; {key}")
    if value["parked"]:
        lines += ["Parked domains, which send and take no mail", *(f"  {name}" for name in value["parked"])]
    lines.append("Zones")
    return lines + [f"  {zone['name']} at {zone['provider']}" for zone in value["zones"]]


def _asking_lines(value: dict[str, Any]) -> list[str]:
    """What stands in zones of others; each heading only if there is something below it."""
    asked = {
        "Reverse names that are not in your zones: ask your hoster to set them": [
            f"  {it['address']} → {it['ptr']}" for it in value["ask_your_hoster"]
        ],
        "CNAMEs of delegated domains: ask their owners to set them": [
            f"  {it['name']}. CNAME {it['cname']}." for it in value["ask_owners"]
        ],
        "Consents to DMARC reports: ask those who receive them to set": [
            f'  {name}. TXT "v=DMARC1"' for name in value["ask_report_receivers"]
        ],
    }
    return [line for heading, lines in asked.items() if lines for line in (heading, *lines)]


def policies(project: Project) -> Described:
    """The MTA-STS policy files, domain by domain: where each is fetched from, and its content, ended by CRLF."""
    value = {
        domain.name: {
            "url": f"https://{policy_name(domain)}{mta_sts.POLICY_PATH}",
            "text": mta_sts.policy_text(project.fleet, domain),
        }
        for domain in project.fleet.domains
        if domain.mta_sts
    }
    lines = [line for it in value.values() for line in (f"== {it['url']}", *it["text"].splitlines())]
    return value, lines or ["no domain has an MTA-STS policy; give one mta_sts, see inventories/example.py"]


def records(project: Project) -> Described:
    """The records of every zone, as zone files, TLSA even where a zone turns out not to be signed.

    A domain without a key shows none yet.
    """
    keys = public_keys(living(project))
    by_zone: dict[str, list[Record]] = {zone.name: [] for zone in project.fleet.zones}
    for record in desired(project.fleet, keys, material.certificate_digests(project)):
        by_zone[zone_for(project.fleet, record.name).name].append(record)
    value = {
        zone: [{"name": it.name, "type": it.type, "ttl": it.ttl, "rdata": it.rdata} for it in found]
        for zone, found in by_zone.items()
    }
    return value, [line for zone, found in by_zone.items() for line in zonefile.zonefile(zone, found).splitlines()]


def providers(project: Project) -> Described:
    """How each provider is to be set up so that we may do what we must and no more."""
    fleet = project.fleet
    keys = public_keys(living(project))
    value = {name: snippets.lines(fleet, keys, name) for name in fleet.providers}
    return value, [line for name, lines in value.items() for line in (f"== provider {name}", *lines)]


def management(project: Project) -> Described:
    """The WireGuard configuration of each operator's machine, ready but for its private key."""
    said = project.fleet.management
    if said is None:
        return {}, ["no mail_fleet.management in the inventory, so there is no management network"]
    hosts = [host for host in project.fleet.hosts if host.management]
    keys = {host.name: public_key(material.keyring_of(project).directory, host.name) for host in hosts}
    peers = [line for host in hosts for line in _peer(host, said.port, keys[host.name])]
    value = {
        name: ["[Interface]", "PrivateKey = (yours)", f"Address = {it.address}/{it.address.max_prefixlen}", *peers]
        for name, it in said.operators.items()
    }
    return value, [line for name, lines in value.items() for line in (f"# of {name}", *lines, "")]


def _peer(host: Host, port: int, key: str) -> list[str]:
    """A host as a peer of an operator's machine."""
    public = host.addresses[0].ip
    endpoint = f"[{public}]:{port}" if isinstance(public, IPv6Address) else f"{public}:{port}"
    if host.management is None:
        raise AssertionError(host.name)
    inside = f"{host.management}/{host.management.max_prefixlen}"
    written = key or "(made by the first apply)"
    return [
        "",
        f"# {host.name}",
        "[Peer]",
        f"PublicKey = {written}",
        f"AllowedIPs = {inside}",
        f"Endpoint = {endpoint}",
    ]


def files(project: Project, host: Host, release: Release) -> tuple[HostFile, ...]:
    """Every file of a host. Private parts are left empty: no passphrase is asked for."""
    held = holdings(project.fleet, host, foreseen(project))
    secrets = HostSecrets(
        signing_keys=tuple(SigningKey(it.domain, it.selector, b"", it.algorithm) for it in held if it.signs),
        kept_keys=tuple(SigningKey(it.domain, it.selector, b"", it.algorithm) for it in held if not it.signs),
        certificate=material.certificate_of(project, host),
        acme_authority=material.acme_authority_of(project, host),
        password_hashes={login.login: "" for login in project.fleet.logins},
        password_notes=material.password_notes(project),
        policy_certificates=material_policies.shown(project, host),
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
