"""Streams and relays of pacing.json. Pure: problems are kept by the reader, and what is returned then is never used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from .config import DEFAULT, RELAY, Stream, WhenFull
from .reader import Reader, short, transport

_NEEDED = {"name", "senders", "users", "when_full", "after"}
_OPTIONAL = {"pools", "via", "relay", "gate"}


def relays(reader: Reader, top: Mapping[str, Any]) -> Mapping[str, str]:
    """Relay's name → transport:nexthop; the one under the key ``relay`` has that name."""
    named = {RELAY: top["relay"]} if top.get("relay") is not None else {}
    more = reader.mapping("relays", top.get("relays", {}))
    if RELAY in more:
        reader.wrong(f"relays.{RELAY}", "is the key relay's name; it must stand there")
    paths = {name: "relay" if name in named else f"relays.{name}" for name in {**named, **more}}
    return {name: transport(reader, paths[name], value) for name, value in {**named, **more}.items()}


def streams(reader: Reader, top: Mapping[str, Any]) -> tuple[Stream, ...]:
    """The streams in their order."""
    made: list[Stream] = []
    known = {*reader.mapping("relays", top.get("relays", {})), *([RELAY] if top.get("relay") is not None else [])}
    for at, item in enumerate(reader.items("streams", top.get("streams"))):
        path = f"streams[{at}]"
        table = reader.table(path, item, _NEEDED, _OPTIONAL)
        stream = _stream(reader, path, table)
        if stream.name in {it.name for it in made}:
            reader.wrong(f"{path}.name", f"{short(stream.name)} stands twice")
        _leads_somewhere(reader, path, stream, known)
        made.append(stream)
    servers = [it.server for it in made if it.server]
    if len(set(servers)) < len(servers):
        reader.wrong("streams", "two have one gate: nobody could tell their mail apart")
    return tuple(made)


def _stream(reader: Reader, path: str, table: Mapping[str, Any]) -> Stream:
    gate = reader.table(f"{path}.gate", table["gate"], {"server", "filter"}) if "gate" in table else {}
    via = table.get("via")
    return Stream(
        name=reader.text(f"{path}.name", table.get("name")),
        senders=frozenset(it.lower() for it in reader.texts(f"{path}.senders", table.get("senders"))),
        users=frozenset(reader.texts(f"{path}.users", table.get("users"))),
        when_full=reader.choice(f"{path}.when_full", table.get("when_full"), get_args(WhenFull)),
        after=reader.number(f"{path}.after", table.get("after"), 0, 100 * 86_400),
        pools=reader.texts(f"{path}.pools", table.get("pools", [DEFAULT])),
        via=None if via is None else reader.text(f"{path}.via", via),
        relay=reader.text(f"{path}.relay", table.get("relay", RELAY)),
        server=reader.text(f"{path}.gate.server", gate.get("server")) if gate else "",
        gate=transport(reader, f"{path}.gate.filter", gate.get("filter")) if gate else "",
    )


def _leads_somewhere(reader: Reader, path: str, stream: Stream, known: set[str]) -> None:
    """A stream that leads nowhere would never send. Pools are not looked at: another host may have their addresses."""
    if stream.when_full == "overflow" and stream.relay not in known:
        reader.wrong(f"{path}.when_full", "overflow needs a relay")
    if stream.via is not None and stream.via not in known:
        reader.wrong(f"{path}.via", f"there is no relay {short(stream.via)}")
    if not stream.pools:
        reader.wrong(f"{path}.pools", "lists none")
    elif stream.when_full == "fallback" and len(stream.pools) == 1:
        reader.wrong(f"{path}.when_full", "fallback needs a second pool")
