"""What an inventory says of warm-up and pacing: plans, providers, streams, and what happens when a budget is used up. Pure.

The plans themselves, and what they mean day by day, are ``postwright.pacing``'s, the code that runs on the hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from postwright import spans, values
from postwright.model.fields import (
    DnsName,
    Identifier,
    IPAddress,
    NotEmpty,
    Port,
    Strict,
)
from postwright.model.streams import RELAY, Relay, Stream
from postwright.pacing.plans import BUILT_IN, Plan, plan_of
from postwright.pacing.providers import OTHER, PROVIDERS, UNKNOWN, Provider
from postwright.pacing.stages import Thresholds

Day = Annotated[date, BeforeValidator(spans.day)]
Share = Annotated[float, Field(gt=0, le=1)]
ProviderName = Annotated[str, AfterValidator(values.provider)]
REST = (OTHER, UNKNOWN)  # classes of what no suffix says


class Warmup(Strict):
    """How a sending address is warmed up: by which plan, from which UTC day on. An address that is ``"warm"`` has neither."""

    plan: Identifier | None
    start: Day | None

    @model_validator(mode="before")
    @classmethod
    def _shorthand(cls, value: Any) -> Any:
        """Accept ``"warm"``."""
        if isinstance(value, str):
            if value != "warm":
                raise ValueError(f'{value!r:.80} is not "warm", and not a mapping of plan and start')
            return {"plan": None, "start": None}
        return value

    @model_validator(mode="after")
    def _both_or_none(self) -> Warmup:
        if (self.plan is None) != (self.start is None):
            raise ValueError('needs both plan and start; an address that has its reputation is "warm"')
        return self

    @property
    def warm(self) -> bool:
        """Whether nothing but the providers' own limits holds it back."""
        return self.plan is None


class DomainWarmup(Strict):
    """A budget of a whole domain, at providers that count by domain as well; its hosts share it."""

    plan: Identifier
    start: Day
    providers: Annotated[tuple[Identifier, ...], NotEmpty] = ("google",)


class PacedProvider(Strict):
    """What is to be different at a provider that is known, or a new one, which needs ``suffixes``.

    ``suffixes``: what the names of its MX hosts end in. ``connections``: at once, from each address.
    ``per_minute``: messages, from each address. None: as it is known; for a new one 10, 100 and no limit.
    """

    suffixes: Annotated[tuple[DnsName, ...], NotEmpty] | None = None
    connections: int | None = Field(default=None, ge=1, le=200)
    messages_per_connection: int | None = Field(default=None, ge=1, le=10_000)
    per_minute: int | None = Field(default=None, ge=1, le=100_000)

    def over(self, name: str) -> Provider:
        """The provider of that name with these numbers in place of its own."""
        known = next((it for it in PROVIDERS if it.name == name), Provider(name, (), 10, 100, source="the inventory"))
        return Provider(
            name,
            self.suffixes or known.suffixes,
            self.connections or known.connections,
            self.messages_per_connection or known.messages_per_connection,
            self.per_minute or known.per_minute,
            usual=True,
            source=known.source,
        )


class Metrics(Strict):
    """Where the agent shows its counters to Prometheus."""

    address: Annotated[IPAddress, BeforeValidator(values.inside_address)] = Field(
        default="127.0.0.1", validate_default=True
    )
    port: Port = 9725


_USUAL = Thresholds()


class Judgement(Strict):
    """From which shares of a sending day's mail on a stage is left or lost; ``pacing.stages`` says how.

    ``used``, ``delivered``: of the stage, at least, to advance. ``bounced``, ``throttled``, ``complaints``: at most, to advance.
    ``back_bounced``, ``back_complaints``: from there on one stage back. ``sample``: messages, below which nothing is judged.
    """

    used: Share = _USUAL.used
    delivered: Share = _USUAL.delivered
    bounced: Share = _USUAL.bounced
    throttled: Share = _USUAL.throttled
    complaints: Share = _USUAL.complaints
    back_bounced: Share = _USUAL.back_bounced
    back_complaints: Share = _USUAL.back_complaints
    sample: int = Field(default=_USUAL.sample, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _in_order(self) -> Judgement:
        """A share that holds a stage must not be above the one that takes it back."""
        for name in ("bounced", "complaints"):
            if getattr(self, name) > getattr(self, f"back_{name}"):
                raise ValueError(f"{name} is above back_{name}; let it be smaller, or the same")
        return self


def _custom_plan(value: dict[str, Any]) -> dict[str, Any]:
    """What ``plan_of`` says of it; which plan it is stands in the key path."""
    plan_of("plan", value)
    return value


CustomPlan = Annotated[dict[str, Any], AfterValidator(_custom_plan)]


class Pacing(Strict):
    """How the hosts of a fleet pace what they send.

    ``plans``: by the keys of ``pacing.plans.Plan``. ``failure``: what Postfix does with new mail while the agent does not
    answer: hold it, refuse it for now, or let it pass unpaced. ``relays``: beside ``relay``, by name. ``outstanding``: messages per
    address and provider that may be under way at once; Postfix's active queue never holds more.
    """

    plans: dict[Identifier, CustomPlan] = Field(default_factory=dict)
    providers: dict[ProviderName, PacedProvider] = Field(default_factory=dict)
    streams: dict[Identifier, Stream] = Field(default_factory=dict)
    relay: Relay | None = None
    relays: dict[Identifier, Relay] = Field(default_factory=dict)
    failure: Literal["hold", "refuse", "pass"] = "hold"
    outstanding: int = Field(default=500, ge=1, le=10_000)
    thresholds: Judgement = Judgement()
    metrics: Metrics | None = None

    @field_validator("plans", mode="after")
    @classmethod
    def _own_names(cls, plans: Mapping[str, Any]) -> Mapping[str, Any]:
        """A plan that changes under a known name would surprise whoever reads of it."""
        if taken := sorted(plans.keys() & BUILT_IN.keys()):
            raise ValueError(f"{', '.join(taken)}: there is a plan of that name; give yours another")
        return plans

    @field_validator("providers", mode="after")
    @classmethod
    def _whole_providers(cls, providers: Mapping[str, PacedProvider]) -> Mapping[str, PacedProvider]:
        known = {it.name for it in PROVIDERS}
        for name, said in providers.items():
            if name in REST and said.suffixes:
                raise ValueError(f"{name}: is for what no suffix says, so it has none; take suffixes out")
            if name not in known and not said.suffixes:
                raise ValueError(
                    f"{name}: is not a known provider ({', '.join(sorted(known))}); give it suffixes, or mend the name"
                )
        return providers

    @field_validator("relays", mode="after")
    @classmethod
    def _other_names(cls, relays: Mapping[str, Relay]) -> Mapping[str, Relay]:
        if RELAY in relays:
            raise ValueError(f"{RELAY}: is the name of the key beside; put it there, or give it another")
        return relays

    @property
    def all_relays(self) -> dict[str, Relay]:
        """Every relay by name; the one of the key ``relay`` has that name."""
        return {**({RELAY: self.relay} if self.relay else {}), **self.relays}

    def plan(self, name: str) -> Plan | None:
        """The plan of that name, built in or the inventory's own; None if there is none."""
        return plan_of(name, self.plans[name]) if name in self.plans else BUILT_IN.get(name)

    @property
    def providers_in_use(self) -> tuple[Provider, ...]:
        """Those mail is told apart by: the usual ones and what the inventory names, in an order that is always the same."""
        known = [self.providers[it.name].over(it.name) if it.name in self.providers else it for it in PROVIDERS]
        names = {it.name for it in PROVIDERS}
        new = [said.over(name) for name, said in sorted(self.providers.items()) if name not in names]
        return (*(it for it in known if it.usual), *new)
