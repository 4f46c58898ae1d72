"""Pacing agents to speak with: real control sockets on this machine, which answer as the agents on hosts do.

The script that runs on hosts is run here as it is sent there, by ``python3 -``, against these sockets.
"""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingUnixStreamServer

from postwright.errors import DeployError
from postwright.hosts.remote import package

NOW = 1795348800.0  # 2026-11-22 12:00 UTC
USUAL = ("google", "microsoft365", "outlook", "yahoo", "apple", "proofpoint", "mimecast", "other", "unknown")


def lane(address="192.0.2.10", provider="google", **changes):
    """A lane as an agent tells of it, at stage 3 of 17, with nothing sent yet."""
    name = f"v4-{address.replace('.', '-')}-{provider}"
    today = dict.fromkeys(("attempted", "delivered", "deferred", "throttled", "bounced", "complaints"), 0)
    plain = {
        "lane": name, "address": address, "provider": provider, "plan": "conservative", "stage": 3, "stages": 17,
        "limits": {"hour": 10, "day": 50}, "used": {"hour": 0, "day": 0}, "held": 0, "oldest_held": None,
        "outstanding": 0, "today": today, "mode": "normal", "until": None, "reason": "",
        "next": "2026-11-23: stage 4, if 45 are sent today and 90 % of them delivered",
    }  # fmt: skip
    return plain | changes


def warm(address="192.0.2.11", provider="google", **changes):
    """A lane that follows no plan."""
    limits = {"hour": None, "day": None}
    return lane(address, provider, plan=None, stage="warm", stages=None, limits=limits, next=None, **changes)


def status(host, lanes, **changes):
    """An answer to ``status``."""
    plain = {"host": host, "now": NOW, "clock": {}, "lanes": lanes, "domains": [], "decisions": []}
    return plain | {"unknown_held": 0, "problems": []} | changes


class Agent:
    """Answers requests as the control protocol has it, and remembers them. ``down``: whether nothing listens."""

    def __init__(self, host, lanes, **said):
        self.host, self.lanes, self.said, self.asked = host, lanes, said, []
        self.refuses, self.hangs_up_on = {}, ()

    def answer(self, request):
        self.asked.append(request)
        if request["do"] in self.refuses:
            return {"error": self.refuses[request["do"]]}
        if request["do"] == "status":
            return status(self.host, self.lanes, **self.said)
        return {"changed": [it["lane"] for it in self.lanes if self._is_meant(it, request)]}

    def orders(self):
        """What it was asked besides how things stand."""
        return [it for it in self.asked if it["do"] != "status"]

    @staticmethod
    def _is_meant(it, request):
        return all(request[key] in (None, it[key]) for key in ("address", "provider"))


class _Handler(StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            request = json.loads(line)
            if request["do"] in self.server.agent.hangs_up_on:
                return
            self.wfile.write(json.dumps(self.server.agent.answer(request)).encode() + b"\n")


@contextmanager
def listening(agent, path):
    """The agent at this socket, for the block."""
    with ThreadingUnixStreamServer(str(path), _Handler) as server:
        server.agent = agent
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        server.shutdown()
        thread.join()


def sent(requests, path):
    """What the script of hosts answers, run as it is sent there."""
    text = package("pacing", {"requests": requests, "socket": str(path)})
    done = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_script(folder, unreachable):
    """In place of ``runner.run_script``: each host's script runs here, against the socket of its name in the folder."""

    def run(_project, script, requests):
        assert script == "pacing"
        if lost := sorted(requests.keys() & set(unreachable)):
            lines = [f"host {host}: cannot connect to root@{host}:22: timed out; check address" for host in lost]
            raise DeployError("\n".join([*lines, "no host was changed"]))
        return {host: sent(it["requests"], Path(folder) / host) for host, it in requests.items()}

    return run
