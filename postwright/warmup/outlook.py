"""What plans of an inventory, or built-in ones, lead to: day by day, and when a volume is reached. Pure.

All of it is the best case, as ``pacing.forecast`` has it: every day is a sending day, fills its stage and goes well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from postwright.errors import UsageError
from postwright.inventory import Project
from postwright.model import Address
from postwright.pacing import forecast
from postwright.pacing.forecast import ForecastDay
from postwright.pacing.plans import BUILT_IN, Plan
from postwright.pacing.providers import PROVIDERS
from postwright.warmup import scope
from postwright.warmup.budgets import plan_named

EACH = "each provider"


@dataclass(frozen=True)
class Subject:
    """A plan with the day it begins, and the addresses that follow it from that day on; neither for a plan by itself."""

    plan: Plan
    start: date | None = None
    addresses: tuple[str, ...] = ()

    def date_of(self, number: int) -> date | None:
        """The date of a sending day, if mail is sent every day."""
        return self.start and self.start + timedelta(days=number - 1)

    def stage_on(self, today: date) -> int:
        """The stage (0-based) it has come to by then, if mail was sent every day."""
        return max(0, (today - self.start).days) if self.start else 0


@dataclass(frozen=True)
class Group:
    """Providers to which a plan gives the same numbers. ``name``: what to call them."""

    name: str
    providers: tuple[str, ...]

    @property
    def one(self) -> str:
        """Any of them."""
        return self.providers[0]


@dataclass(frozen=True)
class Asked:
    """What a forecast is to tell besides the days: when ``volume`` messages a day fit, how long ``backlog`` takes."""

    volume: int | None = None
    backlog: int | None = None
    days: int | None = None


def subjects(project: Project | None, plan: str | None, address: str | None) -> list[Subject]:
    """The plans that are meant: the one named, or that of an address, or all that addresses of the inventory follow."""
    if plan is not None:
        found = plan_named(project, plan)
        if found is None:
            raise UsageError(f"no plan {plan!r}; there are {', '.join(names(project))}")
        return [Subject(found)]
    if project is None:
        raise AssertionError
    meant = scope.scope(project, None, address, None)
    followed: dict[tuple[str, date], list[str]] = {}
    for host, it in _addresses(project, meant.hosts, meant.address):
        if it.warmup and it.warmup.plan and it.warmup.start:
            followed.setdefault((it.warmup.plan, it.warmup.start), []).append(f"{host} {it.ip}")
    if not followed:
        who = f"{address} follows" if address else "its addresses follow"
        raise UsageError(f"{project.inventory}: {who} no plan; name one with --plan: {', '.join(names(project))}")
    return [Subject(_plan(project, name), start, tuple(them)) for (name, start), them in followed.items()]


def _plan(project: Project, name: str) -> Plan:
    found = plan_named(project, name)
    if found is None:  # an inventory that names a plan nobody knows is no project
        raise AssertionError
    return found


def names(project: Project | None) -> list[str]:
    """The names of all plans."""
    own = project.fleet.pacing.plans if project and project.fleet.pacing else {}
    return sorted({*BUILT_IN, *own})


def _addresses(project: Project, hosts: Iterable[str], address: str | None) -> Iterator[tuple[str, Address]]:
    for name in hosts:
        for it in project.fleet.host(name).addresses:
            if address in (None, str(it.ip)):
                yield name, it


def groups(plan: Plan, project: Project | None, provider: str | None) -> list[Group]:
    """The providers in use, or the one asked for, by what the plan gives them; most of them first."""
    known = scope.providers(project.fleet) if project else [it.name for it in PROVIDERS if it.usual]
    if provider is not None and provider not in known:
        raise UsageError(f"no provider {provider!r}; mail is told apart by {', '.join(known)}")
    alike: dict[tuple[int, ...], list[str]] = {}
    for name in [provider] if provider else known:
        alike.setdefault(plan.numbers(name), []).append(name)
    found = sorted(alike.values(), key=len, reverse=True)
    return [Group(_title(them, all_of=len(found) == 1), tuple(them)) for them in found]


def _title(providers: Sequence[str], *, all_of: bool) -> str:
    if len(providers) <= 2:  # noqa: PLR2004 - more make a heading too wide
        return ", ".join(providers)
    return EACH if all_of else f"{len(providers)} others"


def days(subject: Subject, found: Sequence[Group], count: int | None) -> list[tuple[ForecastDay, ...]]:
    """Each sending day, with what it is for each group; without ``count`` up to the last that differs from the one before."""
    plan = subject.plan
    last = count or max((plan.top(group.one) for group in found), default=0) + 1
    return list(zip(*(forecast.table(plan, group.one, last) for group in found), strict=True))


def to_json(subject: Subject, found: Sequence[Group], asked: Asked, today: date) -> dict[str, Any]:
    """All that is told of a plan, for programs."""
    plan = subject.plan
    return {
        "plan": plan.name,
        "source": plan.source,
        "start": subject.start and subject.start.isoformat(),
        "addresses": list(subject.addresses),
        "groups": [
            {
                "providers": list(group.providers),
                "days": [_day(subject, row[at]) for row in days(subject, found, asked.days)],
                "reached": asked.volume and _reached(subject, group, asked.volume),
                "backlog_hours": asked.backlog and drained(subject, group, asked, today),
            }
            for at, group in enumerate(found)
        ],
    }


def _day(subject: Subject, it: ForecastDay) -> dict[str, Any]:
    when = subject.date_of(it.number)
    return {"day": it.number, "date": when and when.isoformat(), "stage": it.stage, "an_hour": it.hour, "a_day": it.day}


def _reached(subject: Subject, group: Group, volume: int) -> dict[str, Any]:
    number = forecast.reach(subject.plan, group.one, volume)
    when = subject.date_of(number) if number else None
    return {"volume": volume, "day": number, "date": when and when.isoformat()}


def drained(subject: Subject, group: Group, asked: Asked, today: date) -> int | None:
    """Hours until the backlog is gone, from today's stage on, while ``volume`` a day arrive; None: never."""
    stage = subject.stage_on(today)
    return forecast.drain(subject.plan, group.one, stage, asked.backlog or 0, asked.volume or 0)
