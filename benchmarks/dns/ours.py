"""postwright's half of the benchmark: plan and both steps of an apply, as the commands call them.

Usage: ours.py SCENARIO POLICY CONFIG.json DIRECTORY; CONFIG is what the inventory says of the provider.
"""

import json
import sys
from pathlib import Path

from measured import count_messages, report, timed
from pydantic import TypeAdapter
from scenario import SCENARIOS, fleet, keys

from postwright.dns import publish
from postwright.dns.providers.cloudflare import budget
from postwright.model.zones import Provider


def main(name: str, policy: str, config: str, directory: str) -> None:
    """Converge, then plan once more: a benchmark of what did not work is none."""
    scenario, place = SCENARIOS[name], Path(directory)
    provider = TypeAdapter(Provider).validate_python(json.loads(config))
    wanted, public = fleet(scenario, provider, policy), keys(scenario)
    budget.Budget.take = lambda _: None  # calls are counted, not waited for; octoDNS has no budget at all
    count_messages()
    phases: dict[str, float] = {}
    with timed(phases, "plan"):
        plan = publish.plan(wanted, public, place, place / "ledger")
    with timed(phases, "apply"):
        publish.apply_additive(plan, wanted, place, place / "ledger")
        publish.apply_subtractive(plan, wanted, place, place / "ledger")
    phases["changes"] = sum(len(zone.steps) for zone in plan.zones)
    report(phases, ("postwright", "dnspython", "cloudflare"))


if __name__ == "__main__":
    main(*sys.argv[1:])
