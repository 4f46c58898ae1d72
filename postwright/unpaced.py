"""Hosts whose pacing an apply would take away while mail is held there: it would leave all at once.

Nothing is changed here; a host is asked only if its plan takes pacing away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from postwright.hosts import runner
from postwright.hosts.plan import HostPlan
from postwright.inventory import Project
from postwright.services.pacing import CONFIGURATION


def dangers(project: Project, plans: Iterable[HostPlan]) -> Iterator[str]:
    """Why plans are unsafe that take pacing away, a line per host."""
    ending = [
        plan.host for plan in plans if any(it.path == CONFIGURATION and it.what == "removed" for it in plan.files)
    ]
    if not ending:
        return
    request = {"requests": [{"do": "status"}]}
    for host, answer in sorted(runner.run_script(project, "pacing", dict.fromkeys(ending, request)).items()):
        yield from problem(host, answer)


def problem(host: str, answer: dict[str, Any]) -> Iterator[str]:
    """What one host says of its held mail, if it is to be told. Pure."""
    if answer["failed"] or not answer["answers"]:
        yield (
            f"host {host}: pacing would be taken away, and how much mail is held cannot be learnt ({answer['failed']}); "
            "see `postqueue -p` there; what is held would leave all at once"
        )
        return
    lanes = {it["lane"]: it["held"] for it in answer["answers"][0]["lanes"] if it["held"]}
    if lanes:
        count = sum(lanes.values())
        what = "message is" if count == 1 else "messages are"
        yield (
            f"host {host}: pacing would be taken away while {count} {what} held ({', '.join(sorted(lanes))}): all at once they "
            "would leave from a host that is not warm. Wait until `postwright warmup status` shows none held; for mail that "
            'need not wait say "warmup": "warm" of the address first'
        )
