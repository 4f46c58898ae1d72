"""What plans allow, in words, and which plan a lane follows. Pure."""

from __future__ import annotations

from collections.abc import Callable

from postwright.inventory import Project
from postwright.model import Pacing
from postwright.pacing.plans import Limits, Plan
from postwright.warmup.lanes import Lane
from postwright.warmup.wording import number


def plan_named(project: Project | None, name: str) -> Plan | None:
    """The built-in plan of that name, or the inventory's; None if there is none."""
    return ((project and project.fleet.pacing) or Pacing()).plan(name)


def of(project: Project) -> Callable[[Lane, int | None], str]:
    """What a lane may send at a stage, counted from 1; None is warm."""

    def budget(it: Lane, stage: int | None) -> str:
        plan = plan_named(project, it.plan)
        if stage is None or plan is None:
            return "no limit" if stage is None else f"a stage of {it.plan}"
        return worded(plan.limits(stage - 1, it.provider))

    return budget


def worded(limits: Limits) -> str:
    """``50 a day, 10 an hour``."""
    pairs = ((limits.day, "a day"), (limits.hour, "an hour"))
    return ", ".join(f"{number(count)} {per}" for count, per in pairs if count is not None) or "no limit"
