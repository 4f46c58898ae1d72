"""Makes a service run what is on disk, and proves that it does."""

from __future__ import annotations

import time
from typing import Any

from postwright.hosts.remote.common import answer, exclusive, fail, last_words, run, service_state, unit_states

UNITS = "/etc/systemd/system/"


def ready(service: dict[str, Any]) -> bool:
    """Whether the service answers, by its own test; a unit can be active before it listens."""
    return run("sh", "-c", service["ready"]).returncode == 0


def wait_until_ready(service: dict[str, Any], seconds: int = 30) -> None:
    """Stop with the journal's last lines if it does not get there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = service_state(service)
        if state["active"] and ready(service):
            return
        time.sleep(0.1)
    fail(f"{service['unit']} did not become ready in {seconds} s; its last words:\n{last_words(service['unit'])}")


def units(service: dict[str, Any]) -> list[str]:
    """The service's unit, and those beside it that files of the service describe or add to, such as its socket."""
    paths = (path.removeprefix(UNITS) for path in service["stamped"] if path.startswith(UNITS))
    return list(dict.fromkeys((service["unit"], *(path.partition("/")[0].removesuffix(".d") for path in paths))))


def make_known(service: dict[str, Any]) -> None:
    """Have systemd read what has changed, and start the unit at boot; both are slow, so only where they are due."""
    states = unit_states(units(service))
    if any(unit.get("NeedDaemonReload") == "yes" or unit.get("LoadState") != "loaded" for unit in states.values()):
        run("systemctl", "daemon-reload")
    unit = states.get(service["unit"], {})
    # What a unit of ours says of its start at boot may have changed; for Debian's it takes seconds to ask again.
    ours = f"{UNITS}{service['unit']}" in service["stamped"]
    if ours or unit.get("UnitFileState") not in {"enabled", "static", "alias"}:
        run("systemctl", "enable", "--quiet", service["unit"])
    if unit.get("ActiveState") == "failed":
        run("systemctl", "reset-failed", service["unit"])


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    service = request["service"]
    lock = exclusive("converge")
    make_known(service)
    done = run("systemctl", "restart", service["unit"])
    if done.returncode:
        fail(f"systemctl restart {service['unit']}: {done.stderr}\n{last_words(service['unit'])}")
    if service_state(service)["wanted_here"]:
        wait_until_ready(service)
        state = service_state(service)
        if not (state["current"] and state["loaded"]):
            fail(f"{service['unit']} runs, but not with the configuration on disk; was it edited meanwhile? run again")
    lock.close()
    answer(restarted=service["unit"])
