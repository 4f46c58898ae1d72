"""What a record must be to be taken, and what it is on the wire. Shares no code with postwright."""

import ipaddress
import re
from typing import Any

AUTO = 1
PROXIABLE = {"A", "AAAA", "CNAME"}
ADDRESSES = {"A", "AAAA", "CNAME"}
NAMES = {"CNAME", "MX", "NS", "PTR"}
DATA = {
    "CAA": ("flags", "tag", "value"),
    "TLSA": ("usage", "selector", "matching_type", "certificate"),
    "SRV": ("priority", "weight", "port", "target"),
}
TYPES = {"A", "AAAA", "TXT", *NAMES, *DATA}
STRING = 255
_TXT_OCTETS, _RRSET_CHARACTERS, _COMMENT = 4096, 8192, 100
_TOKEN = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|(\S+))', re.DOTALL)


class Refusal(Exception):  # noqa: N818 - the API's word for it is error
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def octets(quoted: str) -> bytes:
    """The octets between two quotes, with RFC 1035's escapes undone."""
    out, at, raw = bytearray(), 0, quoted.encode()
    while at < len(raw):
        if raw[at : at + 1] != b"\\":
            out.append(raw[at])
            at += 1
        elif raw[at + 1 : at + 4].isdigit() and len(raw[at + 1 : at + 4]) == 3:
            out.append(int(raw[at + 1 : at + 4]))
            at += 4
        else:
            out.append(raw[at + 1])
            at += 2
    return bytes(out)


def escaped(string: bytes) -> str:
    return "".join(
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\{byte:03}" for byte in string
    )


def quoted(strings) -> str:
    return " ".join(f'"{escaped(string)}"' for string in strings)


def strings_of(content: str) -> tuple[bytes, ...]:
    """What Cloudflare's name servers send for a TXT content."""
    whole = [octets(found) for found in _quoted_strings(content)] if content.lstrip().startswith('"') else None
    if whole is None:
        whole = [content.encode()]
    return tuple(string[at : at + STRING] for string in whole for at in range(0, len(string) or 1, STRING))


def _quoted_strings(content: str) -> list[str]:
    found, at, text = [], 0, content.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or token[1] is None:
            raise Refusal(400, 9207, "Content for TXT record must be quoted strings or no quotes at all.")
        found.append(token[1])
        at = token.end()
    return found


def checked(record: dict[str, Any], zone: str) -> dict[str, Any]:
    """The record as it is stored, or a Refusal."""
    rdtype = record.get("type")
    if rdtype not in TYPES:
        raise Refusal(400, 9004, f"DNS record type {rdtype} is invalid.")
    record = {"ttl": AUTO, "comment": None, "tags": [], "settings": {}, "proxied": False} | record
    record |= {"name": _name(record, zone), "proxiable": rdtype in PROXIABLE}
    _check_ttl(record)
    _check_comment(record)
    record |= _content(rdtype, record)
    if record["proxied"]:
        record["ttl"] = AUTO
    return record


def _name(record: dict[str, Any], zone: str) -> str:
    name = str(record.get("name", "")).lower().removesuffix(".")
    if not name:
        raise Refusal(400, 9000, "DNS name is invalid.")
    return zone if name == "@" else name if f".{name}".endswith(f".{zone}") else f"{name}.{zone}"


def _check_ttl(record: dict[str, Any]) -> None:
    ttl = record["ttl"]
    if not isinstance(ttl, int) or not (ttl == AUTO or 60 <= ttl <= 86400):
        raise Refusal(400, 9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
    if record["proxied"] and record["type"] not in PROXIABLE:
        raise Refusal(400, 9004, f"This record type ({record['type']}) cannot be proxied.")


def _check_comment(record: dict[str, Any]) -> None:
    comment = record["comment"] or ""
    if len(comment) > _COMMENT or "\n" in comment:
        raise Refusal(400, 9063, f"Comments may have {_COMMENT} characters and one line.")


def _content(rdtype: str, record: dict[str, Any]) -> dict[str, Any]:
    if rdtype in DATA:
        data = record.get("data")
        if not isinstance(data, dict) or set(DATA[rdtype]) - data.keys():
            raise Refusal(400, 9101, f"{', '.join(DATA[rdtype])} are required data fields of {rdtype}.")
        return {"data": data, "content": " ".join(str(data[key]) for key in DATA[rdtype])}
    content = record.get("content")
    if not isinstance(content, str) or not content:
        raise Refusal(400, 9020, "A record must have content.")
    if rdtype == "TXT":
        return {"content": _txt(content)}
    if rdtype in ("A", "AAAA"):
        return {"content": _address(rdtype, content)}
    if rdtype == "MX" and not (isinstance(record.get("priority"), int) and 0 <= record["priority"] <= 65535):
        raise Refusal(400, 9010, "MX records need a priority.")
    return {"content": content if content == "." else content.lower().removesuffix(".")}


def _txt(content: str) -> str:
    strings = strings_of(content)
    if sum(len(string) + 1 for string in strings) > _TXT_OCTETS:
        raise Refusal(400, 9208, f"Content for TXT record exceeds {_TXT_OCTETS} bytes.")
    too_long = content.lstrip().startswith('"') and len(strings) > len(_quoted_strings(content))
    return quoted(strings) if too_long else content


def _address(rdtype: str, content: str) -> str:
    try:
        kind = ipaddress.IPv4Address if rdtype == "A" else ipaddress.IPv6Address
        return str(kind(content))
    except ValueError:
        code = {"A": 9005, "AAAA": 9006}[rdtype]
        raise Refusal(400, code, f"Content for {rdtype} record must be a valid IP address.") from None


def wire(record: dict[str, Any]):
    """What makes two records of a name and type the same."""
    if record["type"] == "TXT":
        return strings_of(record["content"])
    if record["type"] in DATA:
        return tuple(str(record["data"][key]).lower() for key in DATA[record["type"]])
    return record.get("priority"), record["content"]


def check_neighbours(record: dict[str, Any], others: list[dict[str, Any]], apex: str) -> None:
    """``others``: the records of that name."""
    kinds = {other["type"] for other in others}
    if record["type"] == "CNAME" and kinds & ADDRESSES:
        raise Refusal(400, 81053, "An A, AAAA, or CNAME record with that host already exists.")
    if record["type"] in ADDRESSES and "CNAME" in kinds:
        raise Refusal(400, 81054, "A CNAME record with that host already exists.")
    if record["name"] != apex and kinds and (record["type"] == "CNAME" or "CNAME" in kinds):
        raise Refusal(400, 81053, "A record with that host already exists, and one of them is a CNAME.")
    same = [other for other in others if other["type"] == record["type"]]
    if any(wire(other) == wire(record) for other in same):
        raise Refusal(400, 81058, "An identical record already exists.")
    if record["type"] == "TXT" and sum(len(it["content"]) for it in [*same, record]) > _RRSET_CHARACTERS:
        raise Refusal(400, 9209, f"The TXT records of one name may have {_RRSET_CHARACTERS} characters.")
