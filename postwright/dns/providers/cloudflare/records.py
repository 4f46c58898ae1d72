"""Cloudflare's records as RRsets and back (developers.cloudflare.com/api, DNS Records).

Promise: pure and lossless: a TXT value keeps every octet and every cut between its strings. Only records at names that are
asked for are understood, so what others keep elsewhere in the zone cannot be in the way. Nothing here is sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dns.exception
import dns.rdata
from dns.rdtypes.ANY.CAA import CAA
from dns.rdtypes.ANY.TLSA import TLSA

from postwright.dns.canonical import txt_rdata, txt_strings
from postwright.dns.plan import RRset

Raw = Mapping[str, Any]
Key = tuple[str, str]  # name, type
MARK = "postwright:"  # begins the comment of a record we made
AUTO = 1  # the TTL that means automatic
AUTO_SECONDS = 300  # what automatic is served as (developers.cloudflare.com/dns/manage-dns-records/reference/ttl)
_STRING = r'"((?:[^"\\]|\\.)*)"'
_QUOTED = re.compile(rf"\s*{_STRING}(?:\s*{_STRING})*\s*", re.DOTALL)
_ESCAPE = re.compile(rb"\\(\d{3}|.)", re.DOTALL)
_NAMES = frozenset({"CNAME", "NS", "PTR"})
_LOCKED = (
    "Cloudflare keeps this record and lets nobody edit it (meta.read_only), as it does for Email Routing; unlock or switch"
    " off that service in the dashboard, or leave the name to it"
)
_TWICE = "two records hold this one value, so that one cannot be told from the other; delete one of them by hand"


@dataclass(frozen=True)
class Held:
    """A record as Cloudflare holds it. ``ttl`` in seconds; ``marked``: its comment says that we made it."""

    id: str
    name: str
    type: str
    value: str
    ttl: int
    proxied: bool
    locked: bool
    marked: bool


def held(raw: Raw) -> Held:
    """Raises ValueError for what is not a record of that type."""
    try:
        return Held(
            id=str(raw["id"]),
            name=name_of(raw),
            type=str(raw["type"]),
            value=value_of(raw),
            ttl=AUTO_SECONDS if raw["ttl"] == AUTO else int(raw["ttl"]),
            proxied=raw.get("proxied") is True,
            locked=(raw.get("meta") or {}).get("read_only") is True or raw.get("locked") is True,
            marked=str(raw.get("comment") or "").startswith(MARK),
        )
    except (KeyError, TypeError, ValueError, AttributeError, dns.exception.DNSException) as error:
        raise ValueError(f"{raw.get('type')} record {raw.get('id')} at {raw.get('name')}: {error!r}") from None


def name_of(raw: Raw) -> str:
    """The owner in lower case without final dot."""
    return str(raw["name"]).lower().removesuffix(".")


def value_of(raw: Raw) -> str:
    """The value in presentation text. Where a type has ``data``, its ``content`` is only for people."""
    data = raw.get("data") or {}
    match raw["type"]:
        case "TXT":
            return txt_value(raw["content"])
        case "MX":
            text = f"{raw['priority']} {_dotted(raw['content'])}"
        case "CAA" if data:
            value = data["value"].replace("\\", "\\\\").replace('"', '\\"')
            text = f'{data["flags"]} {data["tag"]} "{value}"'
        case "TLSA" if data:
            text = f"{data['usage']} {data['selector']} {data['matching_type']} {data['certificate']}"
        case rdtype if rdtype in _NAMES:
            text = _dotted(raw["content"])
        case _:
            text = raw["content"]
    return dns.rdata.from_text("IN", raw["type"], text).to_text()


def txt_value(content: str) -> str:
    """A TXT content: quoted strings with the escapes of RFC 1035 §5.1, or one bare text, as the dashboard once took it."""
    if not _QUOTED.fullmatch(content):
        return txt_rdata([content.encode()])
    return txt_rdata([_octets(string) for string in re.findall(_STRING, content, re.DOTALL)])


def fields(rdtype: str, value: str) -> dict[str, Any]:
    """What says a value in the API: ``content``, and ``priority`` or ``data`` where the type has them."""
    if rdtype == "TXT":
        return {"content": txt_rdata(txt_strings(value))}
    rdata = dns.rdata.from_text("IN", rdtype, value)
    match rdata:
        case CAA():
            return {"data": {"flags": rdata.flags, "tag": rdata.tag.decode(), "value": rdata.value.decode()}}
        case TLSA():
            numbers = {"usage": rdata.usage, "selector": rdata.selector, "matching_type": rdata.mtype}
            return {"data": {**numbers, "certificate": rdata.cert.hex()}}
    text = rdata.to_text()
    if rdtype == "MX":
        priority, _, text = text.partition(" ")
        return {"content": _undotted(text), "priority": int(priority)}
    return {"content": _undotted(text) if rdtype in _NAMES else text}


def relevant(zone: str, listed: Iterable[Raw], wanted: Collection[Key]) -> tuple[Held, ...]:
    """The records at these keys, the CNAMEs at their names, and the delegations inside the zone."""
    keys = {*wanted, *((name, "CNAME") for name, _ in wanted)}
    return tuple(held(raw) for raw in listed if (key := (name_of(raw), raw["type"])) in keys or _is_cut(zone, key))


def rrsets(zone: str, there: Sequence[Held], wanted: Iterable[Key]) -> tuple[RRset, ...]:
    """The RRsets at the wanted keys, with the CNAMEs and delegations in their way.

    At the apex a CNAME is in the way of addresses alone: Cloudflare serves what it leads to in their stead
    (developers.cloudflare.com/dns/cname-flattening).
    """
    by_key: dict[Key, list[Held]] = {}
    for record in there:
        by_key.setdefault((record.name, record.type), []).append(record)
    cuts = [key for key in by_key if _is_cut(zone, key)]
    found: dict[Key, RRset] = {}
    for name, rdtype in wanted:
        aliased = [(name, "CNAME")] if name != zone or rdtype in {"A", "AAAA"} else []
        found |= {key: _rrset(key, by_key[key]) for key in [(name, rdtype), *aliased] if key in by_key}
        for cut in cuts:
            if f".{name}".endswith(f".{cut[0]}"):
                found[name, "NS"] = replace(_rrset(cut, by_key[cut]), name=name)
    return tuple(found.values())


def _is_cut(zone: str, key: Key) -> bool:
    return key[1] == "NS" and key[0] != zone


def _rrset(key: Key, records: Sequence[Held]) -> RRset:
    values = [record.value for record in records]
    locked = _LOCKED if any(record.locked for record in records) else ""
    return RRset(
        *key,
        ttl_of(records),
        tuple(values),
        tuple(record.id for record in records),
        proxied=any(record.proxied for record in records),
        locked=locked or (_TWICE if len(set(values)) < len(values) else ""),
    )


def ttl_of(records: Sequence[Held]) -> int:
    """One TTL for an RRset whose records may each have their own: the least of the strangers', or else of ours.

    A value of ours that comes or goes beside a stranger's so never changes it, which would look like a change by others.
    """
    strangers = [record.ttl for record in records if not record.marked]
    return min(strangers or [record.ttl for record in records])


def _octets(string: str) -> bytes:
    def unescaped(found: re.Match[bytes]) -> bytes:
        return bytes([int(found[1])]) if found[1].isdigit() and len(found[1]) > 1 else found[1]

    return _ESCAPE.sub(unescaped, string.encode())


def _dotted(name: str) -> str:
    return name if name.endswith(".") else f"{name}."


def _undotted(name: str) -> str:
    """The root stays a dot: a null MX leads to it (RFC 7505 §3)."""
    return name if name == "." else name.removesuffix(".")
