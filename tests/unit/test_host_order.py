"""The order of hosts is the inventory's, for the first that changes is the one that is proven before the others."""

import json
import subprocess
import sys

# A process of its own, for pyinfra changes the one it is loaded in.
ASKED = """
import json
from postwright.hosts import adapter
from pyinfra.api import Config, Inventory, State

names = [f"mx{number}" for number in range(1, 21)]
state = State(Inventory((names, {})), Config())
state.active_hosts = set(state.inventory)
print(json.dumps(list(adapter.on_each(state, lambda host: host.name))))
"""


def test_answers_of_hosts_come_in_the_order_of_the_inventory():
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True, timeout=60)

    assert json.loads(done.stdout) == [f"mx{number}" for number in range(1, 21)]
