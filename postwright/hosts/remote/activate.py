"""Makes a service run what is on disk, and proves that it does."""

from __future__ import annotations

import time
from typing import Any

from postwright.hosts.remote.common import answer, exclusive, fail, last_words, run, service_state


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


def main(request: dict[str, Any]) -> None:
    """Run the script."""
    service = request["service"]
    lock = exclusive("converge")
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--quiet", service["unit"])
    run("systemctl", "reset-failed", service["unit"])
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
