"""postwright's half of the benchmark: plan and both steps of an apply, as the commands call them.

Usage: ours.py SCENARIO POLICY CONFIG.json DIRECTORY; CONFIG is what the inventory says of the provider.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from dns.message import Message
from measured import count, count_messages, report, timed
from pydantic import TypeAdapter
from scenario import SCENARIOS, fleet, keys

from postwright import publishing
from postwright.dns import publish
from postwright.dns.providers.cloudflare import budget
from postwright.dns.providers.rfc2136.connection import Connection
from postwright.inventory import Project
from postwright.keys.public import PublicKey
from postwright.model import Fleet
from postwright.model.zones import Provider
from postwright.plan import FleetPlan
from postwright.terms import Terms


def main(name: str, policy: str, config: str, directory: str) -> None:
    """Converge, then plan once more: a benchmark of what did not work is none."""
    scenario, place = SCENARIOS[name], Path(directory)
    provider = TypeAdapter(Provider).validate_python(json.loads(config))
    wanted, public = fleet(scenario, provider, policy), keys(scenario)
    budget.Budget.take = lambda _: None  # calls are counted, not waited for; octoDNS has no budget at all
    count_messages()
    count_exchanges()
    phases: dict[str, float] = {}
    if scenario.rerun:
        rerun(Project(wanted.model_copy(update={"ledger": place / "ledger"}), place / "inventory.py"), public, phases)
    else:
        change(wanted, public, place, phases)
    report(phases, ("postwright", "dnspython", "cloudflare"))


def change(wanted: Fleet, public: Sequence[PublicKey], place: Path, phases: dict[str, float]) -> None:
    """The services themselves, as octoDNS is called."""
    with timed(phases, "plan"):
        plan = publish.plan(wanted, public, place, place / "ledger")
    with timed(phases, "apply"):
        publish.apply_additive(plan, wanted, place, place / "ledger")
        publish.apply_subtractive(plan, wanted, place, place / "ledger")
    phases["changes"] = sum(len(zone.steps) for zone in plan.zones)


def rerun(project: Project, public: Sequence[PublicKey], phases: dict[str, float]) -> None:
    """All that ``postwright apply`` does in DNS, in its order."""
    publishing.public_keys = lambda _: public  # not from a keyring, which is not what is measured
    publishing.living = lambda _: {}
    with timed(phases, "plan"):
        expected = FleetPlan((), publishing.dns_plan(project, Terms()), ())
    with timed(phases, "apply"):
        plan = publishing.publish(project, expected, lambda _: None, lambda _: None, Terms(), lambda _: None)
        publishing.retract(project, plan, lambda _: None, lambda _: None)
    phases["changes"] = sum(len(zone.steps) for zone in (*expected.dns.zones, *plan.zones))


def count_exchanges() -> None:
    """Of our own connection: all that are under way at once are waited for once."""
    at_once = Connection._at_once  # noqa: SLF001 - where messages leave

    def counted(connection: Connection, messages: Sequence[Message]) -> list[Message]:
        count(messages)
        return at_once(connection, messages)

    Connection._at_once = counted  # type: ignore[method-assign]  # noqa: SLF001


if __name__ == "__main__":
    main(*sys.argv[1:])
