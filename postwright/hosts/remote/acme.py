"""Has the host's certificate issued if it must be, by the very unit that will renew it, and starts the timer."""

from __future__ import annotations

import json
from typing import Any

from postwright.hosts.remote.common import ETC, STATE, answer, fail, last_words, run, text_of

UNIT = "postwright-acme.service"
PROGRAM = str(ETC / "acme/acme.py")
HINTS = {
    "http-01": "each name must lead to this host, and port 80 must reach it from outside, on every address of the name",
    "dns-01": "the key of the provider must be allowed to update TXT at _acme-challenge below each name",
}


def main(request: dict[str, Any]) -> None:
    """Run the script; the lock of files is the unit's own affair."""
    run("systemctl", "daemon-reload")
    if run("python3", "-B", PROGRAM, "state").returncode:
        issue(json.loads(text_of(ETC / "acme/acme.json")))
    run("systemctl", "enable", "--quiet", request["timer"])
    done = run("systemctl", "restart", request["timer"])
    if done.returncode:
        fail(f"systemctl restart {request['timer']}: {done.stderr}\n{last_words(request['timer'])}")
    answer(certificate=True)


def issue(settings: dict[str, Any]) -> None:
    """Run the unit once; stop with what the authority said if the host has no fit certificate then."""
    run("systemctl", "reset-failed", UNIT)
    done = run("systemctl", "start", UNIT)
    wrong = run("python3", "-B", PROGRAM, "state")
    if done.returncode == 0 and wrong.returncode == 0:
        return
    words = text_of(STATE / "acme/failure").strip() if done.returncode else wrong.stderr.strip()
    fail(
        f"no certificate for {', '.join(settings['names'])}: {words or last_words(UNIT)}\n"
        f"what was there is still served; {HINTS[settings['challenge']]}; then run again (journalctl -u {UNIT})"
    )
