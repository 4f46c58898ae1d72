"""The order of hosts is the inventory's, for the first that changes is the one that is proven before the others."""

import json
import subprocess
import sys

# A process of its own, for pyinfra changes the one it is loaded in.
ASKED = """
import json
from postwright.hosts import adapter
from pyinfra.api import Inventory

names = [f"mx{number}" for number in range(1, 21)]
hosts = adapter.Hosts(Inventory((names, {})))
session = adapter.Session(hosts.named(set(names)), hosts.state)
print(json.dumps(list(adapter.on_each(session, lambda host: host.name))))
"""


def test_answers_of_hosts_come_in_the_order_of_the_inventory():
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, check=True, timeout=60)

    assert json.loads(done.stdout) == [f"mx{number}" for number in range(1, 21)]


# Two sessions of one process, as an apply in waves has them, on hosts of unlike roles.
WAVES = """
import json
from types import SimpleNamespace
from pyinfra.api import Inventory, deploy, operation
from postwright.hosts import adapter

hosts = adapter.Hosts(Inventory((["mx1", "mx2"], {})))
hosts.link = lambda host: SimpleNamespace(get=lambda: "")
roles = {"mx1": "submission", "mx2": "mx"}
steps = []

@operation()
def step():
    return
    yield

@deploy("host")
def built(role):
    step(name="packages")
    if role == "submission":
        step(name="dovecot")
    step(name="postfix")
    if role == "mx":
        step(name="policies")

def noted(line):
    steps.append(f"{line['host']} {line['step'].removeprefix('host | ')}")

for name in roles:
    with adapter.session(hosts, [name], noted) as session:
        adapter.on_each(session, lambda host: built(roles[host.name]))
        adapter.execute(session, noted)
print(json.dumps(steps))
"""


def test_a_second_wave_has_its_own_steps_and_none_of_the_first():
    done = subprocess.run([sys.executable, "-c", WAVES], capture_output=True, text=True, check=True, timeout=60)

    assert json.loads(done.stdout) == [
        *("mx1 packages", "mx1 dovecot", "mx1 postfix"),
        *("mx2 packages", "mx2 postfix", "mx2 policies"),
    ]


KEPT = """
import json
from types import SimpleNamespace
from pyinfra.api import Inventory
from postwright.hosts import adapter

adapter.KEPT = 3
hosts = adapter.Hosts(Inventory(([f"mx{number}" for number in range(12)], {})))
opened = []

class Client:
    def __init__(self):
        self.open = True
        opened.append(self)

    def close(self):
        self.open = False

    def get_transport(self):
        return SimpleNamespace(is_active=lambda: self.open)

def connect(host):
    host.connector = SimpleNamespace(client=Client())
    host.connected = True

hosts.state
for host in hosts.inventory:
    host.connect = lambda host=host: connect(host)
    host.disconnect = lambda: None
names = [host.name for host in hosts.inventory]
for _ in range(2):
    assert adapter.each(hosts, names, lambda host: host.name, lambda *_: None) == {}
print(json.dumps([sum(it.open for it in opened), len(opened)]))
"""


def test_of_many_connections_only_so_many_stay_open():
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True, timeout=60)

    still_open, made = json.loads(done.stdout)
    assert still_open == 3
    assert made < 2 * 12
