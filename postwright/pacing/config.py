"""The agent's configuration, as the host's file pacing.json says it, with every problem of the file told at once.

Pure but for ``read``. Unknown keys are problems too: a word spelled wrongly must not silently mean the default.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from .plan import Plan
from .providers import OTHER, Provider
from .stages import Thresholds

Failure = Literal["hold", "refuse", "pass"]
WhenFull = Literal["wait", "bypass", "overflow", "fallback"]
DEFAULT = "default"  # the pool of addresses that say none, and of mail of no stream
UNKNOWN_STREAM = "?"  # of a message whose stream our memory has lost
RELAY = "relay"  # the relay that streams mean if they name none


class ConfigError(ValueError):
    """The file cannot be used; ``problems`` are all that was found, each as ``path: what``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Address:
    """A sending address. ``plan`` None: warm. ``start``: epoch seconds of the UTC day on which its plan begins.

    ``pool``: whose mail leaves from it, ``Stream.pools`` says.
    """

    ip: str
    version: int
    label: str
    plan: Plan | None
    start: float
    pool: str = DEFAULT


@dataclass(frozen=True)
class Lane:
    """What one address sends to one provider: a transport of Postfix. Its name is also the account of its budget."""

    name: str
    address: Address
    provider: Provider

    @property
    def plan(self) -> Plan | None:
        return self.address.plan

    @property
    def start(self) -> float:
        return self.address.start

    @cached_property
    def held_class(self) -> str:
        """The restriction class that fixes the lane and holds the message."""
        return "hold_" + self.name.replace("-", "_")


@dataclass(frozen=True)
class DomainBudget:
    """What one sender's domain may send to one provider from this host: part ``share[0]`` (1-based) of ``share[1]``."""

    name: str
    domain: str
    provider: str
    plan: Plan
    start: float
    share: tuple[int, int]


@dataclass(frozen=True)
class Stream:
    """Mail told apart by sender or login. ``after``: seconds that a message is held before ``when_full`` is done.

    ``pools``: those its mail leaves from, the first by right, each other where none before it can send. ``via``: the relay
    that all its mail leaves by. ``relay``: the one for what overflows. ``server``: the address of its gate, where Postfix
    asks about nothing but its mail; ``gate``: the filter that leads there, "" for that of all.
    """

    name: str
    senders: frozenset[str]
    users: frozenset[str]
    when_full: WhenFull
    after: int
    pools: tuple[str, ...] = (DEFAULT,)
    via: str | None = None
    relay: str = RELAY
    server: str = ""
    gate: str = ""


@dataclass(frozen=True)
class Config:
    """``certificates``: fingerprint of a client's certificate, or of its key → the login it stands for.

    ``own_addresses``: mailboxes, in lower case, that another host of ours holds, of domains that are not this one's.
    """

    host: str
    addresses: tuple[Address, ...]
    providers: tuple[Provider, ...]
    thresholds: Thresholds
    own_domains: frozenset[str]
    budgets: Mapping[str, DomainBudget]
    streams: tuple[Stream, ...]
    relays: Mapping[str, str]
    failure: Failure
    outstanding: int
    queue_lifetime: int
    gate_port: str
    gate_filter: str
    metrics: tuple[str, int] | None
    lab_clock: str | None
    header_streams: bool = False
    own_addresses: frozenset[str] = frozenset()
    certificates: Mapping[str, str] = field(default_factory=dict)
    lanes: Mapping[str, Lane] = field(init=False)
    by_provider: Mapping[str, tuple[Lane, ...]] = field(init=False)

    def __post_init__(self) -> None:
        lanes = {lane.name: lane for lane in self._lanes()}
        each = {it.name: tuple(x for x in lanes.values() if x.provider is it) for it in self.providers}
        object.__setattr__(self, "lanes", lanes)
        object.__setattr__(self, "by_provider", each)

    def _lanes(self) -> Iterator[Lane]:
        for address in self.addresses:
            for provider in self.providers:
                yield Lane(f"{address.label}-{provider.name}", address, provider)

    def ours(self, recipient: str, domain: str) -> bool:
        """Whether it is mail to ourselves, with an extension of the address (VERP) too: nothing of it is paced."""
        local = recipient.rpartition("@")[0].partition("+")[0].lower()
        return domain in self.own_domains or f"{local}@{domain}" in self.own_addresses

    def user_of(self, login: str, *fingerprints: str) -> str:
        """Whose message it is: who logged in, else whom one of the fingerprints stands for, of those streams name; or ""."""
        return login or next((found for it in fingerprints if (found := self.certificates.get(it.upper()))), "")

    @cached_property
    def failure_answer(self) -> bytes:
        """What Postfix itself would do if the agent were away."""
        if self.failure == "hold":
            return b"pace_agent_down"
        if self.failure == "refuse":
            return b"451 4.3.0 Mail is paced here and the agent for it is away; try again later"
        return f"FILTER {self.by_provider[OTHER][0].name}:".encode()

    def lanes_to(self, provider: str) -> tuple[Lane, ...]:
        """The lanes for a class of recipients; one that is not in use counts as ``other``."""
        return self.by_provider.get(provider) or self.by_provider[OTHER]

    @cached_property
    def pooled(self) -> bool:
        """Whether it matters which stream a message is of: not every address may send all mail."""
        return any(it.pool != DEFAULT for it in self.addresses) or any(it.via for it in self.streams)

    @cached_property
    def stream(self) -> Mapping[str, Stream]:
        """The streams by name."""
        return {it.name: it for it in self.streams}

    @cached_property
    def stream_at(self) -> Mapping[bytes, Stream]:
        """The streams by the address of their gate, as Postfix says it."""
        return {it.server.encode(): it for it in self.streams if it.server}

    @cached_property
    def gates(self) -> frozenset[str]:
        """The filters that lead back to us."""
        return frozenset([self.gate_filter, *(it.gate for it in self.streams if it.gate)])

    def pools_of(self, stream: str) -> tuple[str, ...]:
        """The pools whose addresses may send a stream's mail; "" is mail of no stream, and so is that of one that is gone."""
        found = self.stream.get(stream)
        return (DEFAULT,) if found is None else () if found.via else found.pools

    def budget(self, domain: str, provider: str) -> DomainBudget | None:
        return self.budgets.get(budget_name(domain, provider))


def budget_name(domain: str, provider: str) -> str:
    """The account of a domain budget; no lane has a slash in its name."""
    return f"{domain}/{provider}"


def start_of(text: str | None) -> float:
    """Epoch seconds at which the UTC day begins; 0 (for ever begun) without one."""
    if not text:
        return 0.0
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def read(path: str | Path) -> Config:
    """The configuration in a file; ConfigError with all its problems."""
    from .parse import parsed  # noqa: PLC0415 - parse.py needs the types above

    try:
        data: Any = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from None
    except ValueError as error:
        raise ConfigError([f"{path}: no JSON: {error}"]) from None
    return parsed(data)
