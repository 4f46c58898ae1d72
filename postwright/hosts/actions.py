"""What the child process can be asked for, answered with plain data. Runs under gevent.

What thinks about hosts is heavy, and is loaded with the first action that changes one: what only looks is to be quick.
"""

from __future__ import annotations

import importlib
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyinfra.api import StringCommand

from postwright.errors import DeployError, InventoryError, PostwrightError
from postwright.hosts import adapter, inventory_file
from postwright.hosts.looking import look
from postwright.hosts.remote import package
from postwright.wire import packed

Request = dict[str, Any]

# Inventory → its hosts; the last one read, for a command works on one.
_read: dict[Path, adapter.Hosts] = {}


def inventory(request: Request, _report: adapter.Report) -> dict[str, Any]:
    """The hosts of an inventory with their data, packed. ``connect``: they will be asked for, so go there already."""
    close()
    loaded, clashes = inventory_file.load_inventory(Path(request["inventory"]))
    hosts = _read[_path(request)] = adapter.Hosts(loaded)
    data = inventory_file.host_data(loaded)
    if request.get("connect"):
        adapter.connect_ahead(hosts, [it.name for it in data if "mail_host" in it.data])
    return packed(data, clashes)


def close() -> None:
    """End all connections."""
    while _read:
        _read.popitem()[1].close()


def hosts_of(request: Request) -> adapter.Hosts:
    """The hosts of the request's inventory, which is executed once in the life of a command."""
    path = _path(request)
    if path not in _read:
        close()
        loaded, _ = inventory_file.load_inventory(path)
        _read[path] = adapter.Hosts(loaded)
    return _read[path]


def _path(request: Request) -> Path:
    return Path(request["inventory"]).absolute()


def look_at(request: Request, report: adapter.Report) -> dict[str, str]:
    """Look at hosts, each with a request of its own; every answer is an event, with how we logged in as ``login``.

    Host → why there is none, for those that have not answered.
    """
    requests = request["requests"]

    def seen(host: Any) -> dict[str, Any]:
        return look(requests[host.name]) | {"login": adapter.login_method(host)}

    def tell(host: str, answer: dict[str, Any]) -> None:
        report({"event": "seen", "host": host, "answer": answer})

    return adapter.each(hosts_of(request), requests.keys(), seen, tell)


def run_script(request: Request, report: adapter.Report) -> dict[str, Any]:
    """Run a script of remote/ on the named hosts; host → its answer."""
    with adapter.session(hosts_of(request), request["requests"].keys(), report) as session:
        return scripts(session, request["script"], request["requests"])


def scripts(session: adapter.Session, script: str, requests: dict[str, Any]) -> dict[str, Any]:
    """Run a script on each host of a session; DeployError when all have ended, so that none is cut off by another's failure."""
    answers = adapter.on_each(session, lambda host: _script(host, script, requests[host.name]))
    if failed := [str(answer) for answer in answers.values() if isinstance(answer, DeployError)]:
        raise DeployError("\n".join(failed))
    return answers


def _script(host: Any, script: str, request: dict[str, Any]) -> Any:
    done, output = host.run_shell_command(
        StringCommand("python3", "-"), _stdin=package(script, request), _sudo=bool(host.data.get("_sudo"))
    )
    if not done:
        return DeployError(f"host {host.name}: {script}: {output.stderr or output.stdout}")
    return json.loads(output.stdout_lines[-1])


def respond(request: Request, report: adapter.Report) -> dict[str, Any]:
    """Do what is asked; the last line about it, with its ``result`` or its ``error``."""
    try:
        return {"result": ACTIONS[request["action"]](request, report)}
    except InventoryError as error:
        return {"error": "InventoryError", "where": error.where, "problems": error.problems}
    except PostwrightError as error:
        return {"error": type(error).__name__, "text": str(error)}
    except Exception:  # noqa: BLE001 - a bug of ours; the parent shows it as one
        return {"error": "bug", "text": traceback.format_exc()}


def _later(module: str, name: str) -> Callable[[Request, adapter.Report], Any]:
    def action(request: Request, report: adapter.Report) -> Any:
        return getattr(importlib.import_module(f"postwright.hosts.{module}"), name)(request, report)

    return action


ACTIONS: dict[str, Callable[[Request, adapter.Report], Any]] = {
    "inventory": inventory,
    "look": look_at,
    "run_script": run_script,
    **{name: _later("changes", name) for name in ("apply", "plan_rollback", "rollback")},
    **{name: _later("serving", name) for name in ("serve", "end_serving", "command")},
}
